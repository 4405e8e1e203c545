// @ts-check
// <swarm-start>: the start view, where the user drops or chooses files. Fires `share-files`; it reads no file. The page can
// add content below it, in the slot `start`. embed/index.js defines it.

import { button, emit, h, icon, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { fromInput } from '../core/chosen-files.js'

/**
 * @typedef {object} StartState
 * @property {string} lead replaces the usual text, if it is not empty
 * @property {boolean} isBlocked whether the user cannot choose files
 * @property {string} accept @property {boolean} multiple as in a file input
 * @property {boolean} isWholePage whether files can be dropped anywhere
 */

export class SwarmStart extends SwarmElement {
  #lead = h('p', { class: 'lead' })
  #files = picker(this, {})
  #folder = picker(this, { webkitdirectory: true })
  #chooseFiles = button('Choose files', () => this.#files.click(), {
    icon: 'file',
    kind: 'primary',
    id: 'choose-files'
  })
  #chooseFolder = button('Choose a folder', () => this.#folder.click(), { icon: 'folder', id: 'choose-folder' })
  #drop = h('div', { class: 'drop', part: 'card' })

  /** @override */
  build() {
    this.#drop.append(
      h('div', { class: 'drop-icon' }, icon('arrowUp')),
      h('h1', { tabindex: -1 }, 'Share files, browser to browser'),
      this.#lead,
      h('div', { class: 'buttons' }, this.#chooseFiles, this.#chooseFolder),
      this.#files,
      this.#folder
    )
    this.append(this.#drop, h('slot', { name: 'start' }))
  }

  /** @param {StartState} state */
  update({ lead, isBlocked, accept, multiple, isWholePage }) {
    const place = isWholePage ? 'anywhere on this page' : 'here'
    setText(
      this.#lead,
      lead || `Drop ${multiple ? 'files or a folder' : 'a file'} ${place}, or choose ${multiple ? 'them' : 'it'}.`
    )
    setText(/** @type {Element} */ (this.#chooseFiles.lastElementChild), multiple ? 'Choose files' : 'Choose a file')
    this.#chooseFolder.hidden = !multiple
    this.#files.multiple = multiple
    this.#files.accept = accept
    this.#drop.classList.toggle('disabled', isBlocked)
    for (const control of [this.#files, this.#folder, this.#chooseFiles, this.#chooseFolder])
      control.disabled = isBlocked
  }
}

/** A hidden file input. @param {HTMLElement} owner fires the event @param {Record<string, boolean>} kind */
function picker(owner, kind) {
  const input = h('input', {
    type: 'file',
    hidden: true,
    ...kind,
    onchange: () => {
      const chosen = fromInput(input.files)
      // Allows to choose the same file again.
      input.value = ''
      if (chosen.length) emit(owner, 'share-files', chosen)
    }
  })
  return input
}
