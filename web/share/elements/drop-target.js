// @ts-check
// <swarm-drop-target>: makes an element or the whole page a target for dropped files and for the clipboard, and keeps the
// browser from leaving the page to open a file. Fires `share-files`, `drop-failed` and `share-paste`. Of several targets
// for the whole page, the first that accepts a drop takes it, and the first takes what is pasted.

import { emit, h } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { t } from '../../common/words.js'
import { bringsFiles, fromDrop } from '../core/chosen-files.js'

export class SwarmDropTarget extends SwarmElement {
  #accepts
  #overlay = h(
    'div',
    { class: 'veil', hidden: true, 'aria-hidden': 'true' },
    h('span', {}, () => t('Drop to share'))
  )
  /** Where files can be dropped. @type {Document | HTMLElement | null} */
  #place = null
  #drops = 0
  /** Ends the listeners of the place. @type {AbortController | null} */
  #listening = null

  /** @param {() => boolean} accepts asked for each drag event */
  constructor(accepts) {
    super()
    this.#accepts = accepts
  }

  /** @override */
  build() {
    this.append(this.#overlay)
  }

  /** @override @param {AbortSignal} signal */
  start(signal) {
    this.#listen()
    signal.addEventListener('abort', () => {
      this.#listening?.abort()
      this.#overlay.hidden = true
    })
  }

  /** @param {Document | HTMLElement} place where files can be dropped */
  update(place) {
    if (place === this.#place) return
    this.#place = place
    this.#overlay.classList.toggle('page', place === document)
    if (this.isConnected) this.#listen()
  }

  /** Ignores a drop that is read. */
  cancel() {
    this.#drops++
  }

  #listen() {
    this.#listening?.abort()
    this.#listening = new AbortController()
    const { signal } = this.#listening
    for (const type of ['dragover', 'dragleave'])
      this.#place?.addEventListener(type, event => this.#onDrag(/** @type {DragEvent} */ (event)), { signal })
    this.#place?.addEventListener('drop', event => this.#onDrop(/** @type {DragEvent} */ (event)), { signal })
    this.#place?.addEventListener('paste', event => this.#onPaste(/** @type {ClipboardEvent} */ (event)), { signal })
  }

  /** @param {DragEvent} event */
  #onDrag(event) {
    const { dataTransfer, relatedTarget, type } = event
    if (!dataTransfer || !bringsFiles(dataTransfer)) return
    event.preventDefault()
    const isAccepted = this.#accepts()
    if (isAccepted) event.stopImmediatePropagation()
    dataTransfer.dropEffect = isAccepted ? 'copy' : 'none'
    const hasLeft = type === 'dragleave' && !this.#place?.contains(/** @type {Node | null} */ (relatedTarget))
    this.#overlay.hidden = !isAccepted || hasLeft
  }

  /** @param {DragEvent} event */
  async #onDrop(event) {
    this.#overlay.hidden = true
    const { dataTransfer } = event
    if (!dataTransfer || !bringsFiles(dataTransfer)) return
    event.preventDefault()
    if (!this.#accepts()) return
    event.stopImmediatePropagation()
    const drop = ++this.#drops
    try {
      const chosen = await fromDrop(dataTransfer)
      if (drop === this.#drops) emit(this, 'share-files', chosen)
    } catch (error) {
      if (drop === this.#drops) emit(this, 'drop-failed', error)
    }
  }

  /** @param {ClipboardEvent} event */
  #onPaste(event) {
    const { clipboardData, defaultPrevented } = event
    const target = /** @type {HTMLElement} */ (event.composedPath()[0])
    // A field of the page takes it.
    const isForField = target.isContentEditable || target.matches?.('input, textarea, select')
    if (!clipboardData?.types.length || defaultPrevented || isForField) return
    event.preventDefault()
    emit(this, 'share-paste', { chosen: fromDrop(clipboardData), text: clipboardData.getData('text/plain') })
  }
}
