// @ts-check
// <swarm-files>: the files of a share with size, progress, choice, and buttons to open and save. A long list can be searched
// and sorted. Fires `files-chosen`, `file-open` and `file-save`.

import { button, define, emit, h, icon, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { formatBytes, formatPercent } from '../../common/format.js'
import { t } from '../../common/words.js'
import { findFiles } from '../lib/file-search.js'
import { restText } from '../lib/file-texts.js'
import { previewKind } from '../lib/media.js'
import { shownName } from '../lib/names.js'
import { SwarmFileSearch } from './file-search.js'

/** @typedef {import('../core/transfer.js').Snapshot} Snapshot */
/** @typedef {import('../core/transfer.js').FileState} FileState */
/** @typedef {{ item: HTMLElement, check: HTMLInputElement, bar: HTMLProgressElement, state: HTMLElement, open: HTMLElement, save: HTMLElement }} Row */

/** Limits the elements of a share with many files. */
const ROWS_MAX = 500
/** A longer list can be searched and sorted. */
const UNSEARCHED_MAX = 20

export class SwarmFiles extends SwarmElement {
  #search = new SwarmFileSearch()
  #list = h('ul', { class: 'files' })
  #rest = h('p', { class: 'hint' })
  #restText = () => ''
  /** @type {Snapshot | null} */
  #now = null
  /** The number of files at the last selection of rows. */
  #count = 0
  /** By index of the file, in the order of the list. @type {Map<number, Row>} */
  #rows = new Map()

  /** @override */
  build() {
    this.append(this.#search, this.#list, this.#rest)
    this.#search.addEventListener('files-search', () => {
      this.#selectRows()
      this.#draw()
    })
  }

  /** @param {Snapshot} now */
  update(now) {
    this.#now = now
    if (this.#count !== now.files.length) this.#selectRows()
    this.#draw()
  }

  /** The chosen files, also those without a row. */
  get chosen() {
    return (this.#now?.files ?? []).flatMap(({ index, chosen }) => {
      const row = this.#rows.get(index)
      return (row ? row.check.checked : chosen) ? [index] : []
    })
  }

  /** Moves the focus to the button that opened a file. @param {number} index */
  focusOpen(index) {
    this.#rows.get(index)?.open.focus()
  }

  /** Creates the rows of the files that the user searches, in the order that the user chose. */
  #selectRows() {
    const { files = [], role = 'receiver' } = this.#now ?? {}
    const { words, order } = this.#search
    const found = findFiles(files, words, order)
    const folder = files.length > 1 ? commonFolder(files) : ''
    this.#count = files.length
    this.#rows = new Map(found.slice(0, ROWS_MAX).map(file => [file.index, this.#row(file, folder)]))
    this.#list.replaceChildren(...[...this.#rows.values()].map(({ item }) => item))
    const rest = found.length - ROWS_MAX
    this.#rest.hidden = rest <= 0
    this.#restText = () => (rest > 0 ? restText(rest, words.trim() !== '', role === 'sender') : '')
    this.#search.hidden = files.length <= UNSEARCHED_MAX
    this.#search.update(found.length, files.length)
  }

  #draw() {
    if (!this.#now) return
    setText(this.#rest, this.#restText())
    const { role, phase, files } = this.#now
    const receiver = role === 'receiver'
    const selectable = receiver && files.length > 1 && phase !== 'checking' && !files.every(({ done }) => done)
    for (const [index, { check, bar, state, open, save }] of this.#rows) {
      const file = /** @type {FileState} */ (files[index])
      check.hidden = !selectable
      check.disabled = file.done && phase !== 'offered'
      if (check.checked !== file.chosen) check.checked = file.chosen
      bar.hidden = !receiver || phase === 'offered' || (!file.chosen && !file.have)
      bar.value = file.size ? file.have / file.size : 1
      setText(state, stateText(file, receiver, phase))
      open.hidden = !receiver || previewKind(file.name) === null || phase === 'checking' || file.size === 0
      save.hidden = !receiver || !file.done || phase === 'offered'
    }
  }

  /** @param {FileState} file @param {string} folder @returns {Row} */
  #row({ index, path, name, size }, folder) {
    const text = shownName(path.slice(folder.length))
    const shown = shownName(name)
    const check = h('input', {
      type: 'checkbox',
      class: 'file-check',
      'aria-label': () => t('Download {name}', { name: shown }),
      onchange: () => emit(this, 'files-chosen', this.chosen)
    })
    const bar = h('progress', {
      part: 'progress',
      max: 1,
      value: 0,
      'aria-label': () => t('Progress of {name}', { name: shown })
    })
    const state = h('span', { class: 'file-state' })
    const open = button(
      () => t('Open'),
      () => emit(this, 'file-open', index),
      {
        icon: 'open',
        kind: 'quiet',
        name: () => t('Open {name}', { name: shown }),
        id: 'open'
      }
    )
    const save = button(
      () => t('Save'),
      () => emit(this, 'file-save', index),
      {
        icon: 'save',
        kind: 'quiet',
        name: () => t('Save {name}', { name: shown }),
        id: 'save'
      }
    )
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
          h('span', { class: 'file-size' }, () => formatBytes(size))
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
    return have > 0 ? t('{percent} downloaded earlier', { percent: formatPercent(size ? have / size : 1) }) : ''
  if (done) return t('Complete')
  return chosen ? formatPercent(size ? have / size : 0) : t('Not chosen')
}

/** @param {FileState[]} files */
function commonFolder(files) {
  const folder = files[0]?.path.split('/')[0] ?? ''
  return files.every(({ path }) => path.startsWith(`${folder}/`)) ? `${folder}/` : ''
}

define('swarm-files', SwarmFiles)
