// @ts-check
// <swarm-start>: the start view, where the user drops or chooses files, shares a text or opens a link. Fires `share-files`
// and the events of its parts; it reads no file. The page can add content below it, in the slot `start`. embed/index.js
// defines it.

import { button, emit, h, icon, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { loadSheet, OPTIONS_SHEET } from '../../embed/style-sheets.js'
import { fromInput } from '../core/chosen-files.js'

/**
 * @typedef {object} StartState
 * @property {string} lead replaces the usual text, if it is not empty
 * @property {boolean} isBlocked whether the user cannot share
 * @property {string} accept @property {boolean} multiple as in a file input
 * @property {boolean} isWholePage whether files can be dropped anywhere
 * @property {boolean} isEncrypting whether shares are encrypted; the options need it
 * @property {boolean} opensLinks whether the user can open links
 */
/** Parts that are loaded when the user opens them, with their label. Most shares need none. */
const PARTS = { text: 'Share a text', link: 'Open a link', options: 'Options' }
/** @typedef {keyof PARTS} PartName */
/** @typedef {import('./start-parts.js').StartPart} StartPart */

export class SwarmStart extends SwarmElement {
  #lead = h('p', { class: 'lead' })
  #files = picker(this, {})
  /** What the user has opened. @type {Map<string, StartPart>} */
  #parts = new Map()
  #details = Object.entries(PARTS).map(([name, label]) =>
    h(
      'details',
      {
        class: 'options',
        // Opening one closes the others.
        name: 'part',
        ontoggle: ({ target }) => target.open && this.open(/** @type {PartName} */ (name))
      },
      h('summary', {}, label)
    )
  )
  #isBlocked = false
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
      h('div', { class: 'parts' }, ...this.#details),
      this.#files,
      this.#folder
    )
    this.append(this.#drop, h('slot', { name: 'start' }))
  }

  /** What the user set for the next share. */
  get options() {
    return this.#options?.value ?? {}
  }

  /** Forgets what the user set for the last share. */
  clearOptions() {
    this.#options?.clear()
  }

  get #options() {
    return /** @type {import('./share-options.js').SwarmShareOptions | undefined} */ (this.#parts.get('options'))
  }

  /** @param {StartState} state */
  update({ lead, isBlocked, accept, multiple, isWholePage, isEncrypting, opensLinks }) {
    const place = isWholePage ? 'anywhere on this page' : 'here'
    setText(
      this.#lead,
      lead || `Drop ${multiple ? 'files or a folder' : 'a file'} ${place}, or choose ${multiple ? 'them' : 'it'}.`
    )
    setText(/** @type {Element} */ (this.#chooseFiles.lastElementChild), multiple ? 'Choose files' : 'Choose a file')
    this.#chooseFolder.hidden = !multiple
    this.#files.multiple = multiple
    this.#files.accept = accept
    const shown = [/^$|text\/|\.txt/i.test(accept), opensLinks, isEncrypting]
    this.#details.forEach((details, i) => {
      details.hidden = !shown[i]
    })
    this.#drop.classList.toggle('disabled', isBlocked)
    for (const control of [this.#files, this.#folder, this.#chooseFiles, this.#chooseFolder])
      control.disabled = isBlocked
    this.#isBlocked = isBlocked
    for (const part of this.#parts.values()) part.block(isBlocked)
  }

  /** Opens a part, which is loaded first. @param {PartName} name @returns {Promise<StartPart | undefined>} */
  async open(name) {
    const details = /** @type {HTMLDetailsElement} */ (this.#details[Object.keys(PARTS).indexOf(name)])
    details.open = true
    try {
      const [parts] = await Promise.all([
        import('./start-parts.js'),
        loadSheet(/** @type {ShadowRoot} */ (this.getRootNode()), OPTIONS_SHEET)
      ])
      const part = this.#parts.get(name) ?? new parts[name]()
      if (!this.#parts.has(name)) details.append(part)
      this.#parts.set(name, part)
      part.block(this.#isBlocked)
      return part
    } catch (error) {
      details.open = false
      emit(this, 'drop-failed', error)
    }
  }
}

/** A hidden file input. @param {HTMLElement} owner fires the event @param {Record<string, boolean>} kind */
export function picker(owner, kind) {
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
