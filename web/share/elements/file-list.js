// @ts-check
// <swarm-files>: the files of a share with size, progress, choice, and buttons to open and save. Fires `files-chosen`,
// `file-open` and `file-save`.

import { button, define, emit, h, icon, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { formatBytes, formatPercent, plural } from '../../common/format.js'
import { previewKind } from '../lib/media.js'
import { shownName } from '../lib/names.js'

/** @typedef {import('../core/transfer.js').Snapshot} Snapshot */
/** @typedef {import('../core/transfer.js').FileState} FileState */
/** @typedef {{ item: HTMLElement, check: HTMLInputElement, bar: HTMLProgressElement, state: HTMLElement, open: HTMLElement, save: HTMLElement }} Row */

/** Limits the elements of a share with many files. */
const ROWS_MAX = 500

export class SwarmFiles extends SwarmElement {
  #list = h('ul', { class: 'files' })
  #rest = h('p', { class: 'hint' })
  #count = 0
  /** @type {Row[]} */
  #rows = []

  /** @override */
  build() {
    this.append(this.#list, this.#rest)
  }

  /** @param {Snapshot} now */
  update({ role, phase, files }) {
    const folder = files.length > 1 ? commonFolder(files) : ''
    if (this.#count !== files.length) {
      this.#count = files.length
      this.#rows = files.slice(0, ROWS_MAX).map(file => this.#row(file, folder))
      this.#list.replaceChildren(...this.#rows.map(({ item }) => item))
      this.#rest.hidden = files.length <= ROWS_MAX
      setText(
        this.#rest,
        `and ${plural(files.length - ROWS_MAX, 'more file')}, which ${role === 'sender' ? 'are shared' : 'come'} with them.`
      )
    }
    const receiver = role === 'receiver'
    const selectable = receiver && files.length > 1 && phase !== 'checking' && !files.every(({ done }) => done)
    this.#rows.forEach(({ check, bar, state, open, save }, i) => {
      const file = /** @type {FileState} */ (files[i])
      check.hidden = !selectable
      check.disabled = file.done && phase !== 'offered'
      if (check.checked !== file.chosen) check.checked = file.chosen
      bar.hidden = !receiver || phase === 'offered' || (!file.chosen && !file.have)
      bar.value = file.size ? file.have / file.size : 1
      setText(state, stateText(file, receiver, phase))
      open.hidden = !receiver || previewKind(file.name) === null || phase === 'checking' || file.size === 0
      save.hidden = !receiver || !file.done || phase === 'offered'
    })
  }

  /** The chosen files. Files without a row are always chosen. */
  get chosen() {
    const ticked = this.#rows.flatMap(({ check }, index) => (check.checked ? [index] : []))
    for (let index = this.#rows.length; index < this.#count; index++) ticked.push(index)
    return ticked
  }

  /** Moves the focus to the button that opened a file. @param {number} index */
  focusOpen(index) {
    this.#rows[index]?.open.focus()
  }

  /** @param {FileState} file @param {string} folder @returns {Row} */
  #row({ index, path, name, size }, folder) {
    const text = shownName(path.slice(folder.length))
    const shown = shownName(name)
    const check = h('input', {
      type: 'checkbox',
      class: 'file-check',
      'aria-label': `Download ${shown}`,
      onchange: () => emit(this, 'files-chosen', this.chosen)
    })
    const bar = h('progress', { part: 'progress', max: 1, value: 0, 'aria-label': `Progress of ${shown}` })
    const state = h('span', { class: 'file-state' })
    const open = button('Open', () => emit(this, 'file-open', index), {
      icon: 'open',
      kind: 'quiet',
      name: `Open ${shown}`,
      id: 'open'
    })
    const save = button('Save', () => emit(this, 'file-save', index), {
      icon: 'save',
      kind: 'quiet',
      name: `Save ${shown}`,
      id: 'save'
    })
    const item = h(
      'li',
      { class: 'file', part: 'file' },
      check,
      icon('file'),
      h(
        'div',
        { class: 'file-main' },
        h(
          'div',
          { class: 'file-line' },
          h('bdi', { class: 'file-name', title: text }, text),
          h('span', { class: 'file-size' }, formatBytes(size))
        ),
        bar,
        state
      ),
      h('div', { class: 'file-actions' }, open, save)
    )
    return { item, check, bar, state, open, save }
  }
}

/** @param {FileState} file @param {boolean} receiver @param {Snapshot['phase']} phase */
function stateText({ size, have, done, chosen }, receiver, phase) {
  if (!receiver) return ''
  if (phase === 'offered' || phase === 'checking')
    return have > 0 ? `${formatPercent(size ? have / size : 1)} downloaded earlier` : ''
  if (done) return 'Complete'
  return chosen ? formatPercent(size ? have / size : 0) : 'Not chosen'
}

/** @param {FileState[]} files */
function commonFolder(files) {
  const folder = files[0]?.path.split('/')[0] ?? ''
  return files.every(({ path }) => path.startsWith(`${folder}/`)) ? `${folder}/` : ''
}

define('swarm-files', SwarmFiles)
