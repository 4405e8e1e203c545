// @ts-check
// <swarm-drop-target>: makes the whole page a target for dropped files. It shows an overlay while files hover, and keeps
// the browser from leaving the page to open a file. Fires `share-files` or `drop-failed`. Of several targets on a page,
// the first that accepts a drop takes it.

import { define, emit, h } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { bringsFiles, fromDrop } from '../core/chosen-files.js'

export class SwarmDropTarget extends SwarmElement {
  #accepts
  #overlay = h('div', { class: 'veil', hidden: true, 'aria-hidden': 'true' }, h('span', {}, 'Drop to share'))

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
    document.addEventListener('dragover', event => this.#onDrag(event), { signal })
    document.addEventListener('dragleave', event => this.#onDrag(event), { signal })
    document.addEventListener('drop', event => this.#onDrop(event), { signal })
    signal.addEventListener('abort', () => {
      this.#overlay.hidden = true
    })
  }

  /** @param {DragEvent} event */
  #onDrag(event) {
    const { dataTransfer, relatedTarget, type } = event
    if (!dataTransfer || !bringsFiles(dataTransfer)) return
    event.preventDefault()
    const isAccepted = this.#accepts()
    if (isAccepted) event.stopImmediatePropagation()
    dataTransfer.dropEffect = isAccepted ? 'copy' : 'none'
    const hasLeft = type === 'dragleave' && relatedTarget === null
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
    try {
      emit(this, 'share-files', await fromDrop(dataTransfer))
    } catch (error) {
      emit(this, 'drop-failed', error)
    }
  }
}

define('swarm-drop-target', SwarmDropTarget)
