// @ts-check
// The whole page as a place to drop files on: shows a veil while files hover, hands over what was dropped, and
// keeps the browser from leaving the page to open a file. Whether a drop is welcome is asked each time; where a page
// has several targets the first that welcomes it takes it. Used by swarm-share.

import { bringsFiles, fromDrop } from '../core/chosen-files.js'
import { h } from './dom.js'

export class DropTarget {
  /** To be placed in the page; it covers the window. */
  veil = h('div', { class: 'veil', hidden: true, 'aria-hidden': 'true' }, h('span', {}, 'Drop to share'))
  #welcome
  #onFiles
  #onFailed

  /** @param {{ welcome: () => boolean, onFiles: (chosen: import('../core/engine.js').Chosen[]) => void, onFailed: (error: unknown) => void }} options */
  constructor ({ welcome, onFiles, onFailed }) {
    this.#welcome = welcome
    this.#onFiles = onFiles
    this.#onFailed = onFailed
  }

  connect () {
    for (const type of ['dragover', 'dragleave']) document.addEventListener(type, this.#onDrag)
    document.addEventListener('drop', this.#onDrop)
  }

  disconnect () {
    for (const type of ['dragover', 'dragleave']) document.removeEventListener(type, this.#onDrag)
    document.removeEventListener('drop', this.#onDrop)
  }

  /** @param {Event} event */
  #onDrag = event => {
    const { dataTransfer, relatedTarget } = /** @type {DragEvent} */ (event)
    if (!dataTransfer || !bringsFiles(dataTransfer)) return
    event.preventDefault()
    const welcome = this.#welcome()
    if (welcome) event.stopImmediatePropagation()
    dataTransfer.dropEffect = welcome ? 'copy' : 'none'
    this.veil.hidden = !welcome || (event.type === 'dragleave' && relatedTarget === null)
  }

  /** @param {DragEvent} event */
  #onDrop = async event => {
    this.veil.hidden = true
    if (!event.dataTransfer || !bringsFiles(event.dataTransfer)) return
    event.preventDefault()
    if (!this.#welcome()) return
    event.stopImmediatePropagation()
    try {
      this.#onFiles(await fromDrop(event.dataTransfer))
    } catch (error) {
      this.#onFailed(error)
    }
  }
}
