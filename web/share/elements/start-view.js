// @ts-check
// <swarm-start>: the start view, where the user drops or chooses files. Fires `share-files`; it reads no file. The page can
// add content below it, in the slot `start`. embed/index.js defines it.

import { button, emit, h, icon, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { loadSheet, OPTIONS_SHEET } from '../../embed/style-sheets.js'
import { fromInput } from '../core/chosen-files.js'

/**
 * @typedef {object} StartState
 * @property {string} lead replaces the usual text, if it is not empty
 * @property {boolean} isBlocked whether the user cannot choose files
 * @property {string} accept @property {boolean} multiple as in a file input
 * @property {boolean} isWholePage whether files can be dropped anywhere
 * @property {boolean} isEncrypting whether shares are encrypted; the options need it
 */
/** @typedef {import('./share-options.js').SwarmShareOptions} SwarmShareOptions */

export class SwarmStart extends SwarmElement {
  #lead = h('p', { class: 'lead' })
  #files = picker(this, {})
  /** Null until the user has opened them. @type {SwarmShareOptions | null} */
  #options = null
  #details = h('details', { class: 'options', ontoggle: () => this.#openOptions() }, h('summary', {}, 'Options'))
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
      this.#details,
      this.#files,
      this.#folder
    )
    this.append(this.#drop, h('slot', { name: 'start' }))
  }

  /** What the user set for the next share. */
  get options() {
    return this.#options?.value ?? {}
  }

  /** @param {StartState} state */
  update({ lead, isBlocked, accept, multiple, isWholePage, isEncrypting }) {
    const place = isWholePage ? 'anywhere on this page' : 'here'
    setText(
      this.#lead,
      lead || `Drop ${multiple ? 'files or a folder' : 'a file'} ${place}, or choose ${multiple ? 'them' : 'it'}.`
    )
    setText(/** @type {Element} */ (this.#chooseFiles.lastElementChild), multiple ? 'Choose files' : 'Choose a file')
    this.#chooseFolder.hidden = !multiple
    this.#files.multiple = multiple
    this.#files.accept = accept
    this.#details.hidden = !isEncrypting
    this.#drop.classList.toggle('disabled', isBlocked)
    for (const control of [this.#files, this.#folder, this.#chooseFiles, this.#chooseFolder])
      control.disabled = isBlocked
    this.#options?.block(isBlocked)
  }

  /** Loads the options when they are opened first: most shares need none. */
  async #openOptions() {
    if (this.#options) return
    try {
      const [{ SwarmShareOptions }] = await Promise.all([
        import('./share-options.js'),
        loadSheet(/** @type {ShadowRoot} */ (this.getRootNode()), OPTIONS_SHEET)
      ])
      if (this.#options) return
      this.#options = new SwarmShareOptions()
      this.#details.append(this.#options)
    } catch (error) {
      this.#details.open = false
      emit(this, 'drop-failed', error)
    }
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
