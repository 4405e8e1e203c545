// @ts-check
// <swarm-start>: the start view, where the user drops or chooses files, shares a text or opens a link. Fires `share-files`
// and the events of its parts. The page can add content below it, in the slot `start`.

import { button, emit, h, icon, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { t } from '../../common/words.js'
import { loadSheet, OPTIONS_SHEET } from '../../embed/style-sheets.js'
import { fromInput } from '../core/chosen-files.js'

/** Parts that are loaded when the user opens them, with their label. */
const PARTS = { text: () => t('Share a text'), link: () => t('Open a link'), options: () => t('Options') }
/** @typedef {keyof PARTS} PartName */
/** @typedef {import('./start-parts.js').StartPart} StartPart */
/** @typedef {import('./start-parts.js').StartState} StartState */

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
  #chooseFiles = button('', () => this.#files.click(), {
    icon: 'file',
    kind: 'primary',
    id: 'choose-files'
  })
  #chooseFolder = button(
    () => t('Choose a folder'),
    () => this.#folder.click(),
    { icon: 'folder', id: 'choose-folder' }
  )
  #drop = h('div', { class: 'drop', part: 'card' })

  /** @override */
  build() {
    this.#drop.append(
      h('div', { class: 'drop-icon' }, icon('arrowUp')),
      h('h1', { tabindex: -1 }, () => t('Share files, browser to browser')),
      this.#lead,
      h('div', { class: 'buttons' }, this.#chooseFiles, this.#chooseFolder),
      h('div', { class: 'parts' }, ...this.#details),
      this.#files,
      this.#folder
    )
    this.append(this.#drop, h('slot', { name: 'start' }))
  }

  /** For the next share. */
  get options() {
    return this.#options?.value ?? {}
  }

  /** A later share has none. */
  clearOptions() {
    this.#options?.clear()
  }

  get #options() {
    return /** @type {import('./share-options.js').SwarmShareOptions | undefined} */ (this.#parts.get('options'))
  }

  /** @param {StartState} state */
  update({ lead, isBlocked, accept, multiple, isWholePage, isEncrypting, opensLinks }) {
    setText(this.#lead, lead || usualLead(multiple, isWholePage))
    const label = multiple ? t('Choose files') : t('Choose a file')
    setText(/** @type {Element} */ (this.#chooseFiles.lastElementChild), label)
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

/** @param {boolean} multiple @param {boolean} isWholePage */
function usualLead(multiple, isWholePage) {
  if (multiple)
    return isWholePage
      ? t('Drop files or a folder anywhere on this page, or choose them.')
      : t('Drop files or a folder here, or choose them.')
  return isWholePage ? t('Drop a file anywhere on this page, or choose it.') : t('Drop a file here, or choose it.')
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
