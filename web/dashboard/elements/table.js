// @ts-check
// A table that sorts, filters and pages, with all rows here or on the server. It keeps the elements of rows that stay,
// so that the focus and the place of the reader stay too. On a phone each row is a card; its roles are written out, as
// browsers forget them where a table is not laid out as one.

import { button, h, setText } from '../../share/elements/dom.js'
import { fileName, saveText } from '../core/save.js'
import { csvOf } from '../lib/csv.js'
import { filtered, pageStart, pageWords, sorted } from '../lib/rows.js'
import { freshId } from './parts.js'

/** @typedef {import('../lib/rows.js').Value} Value */
/** @typedef {import('../lib/rows.js').Order} Order */
/**
 * @template T
 * @typedef {object} Column
 * @property {string} key
 * @property {string} label
 * @property {(row: T) => Value} value sorted by and saved
 * @property {(row: T) => string} [text] shown, if it differs from the value
 * @property {(row: T) => Node} [make] shown in place of a text; made once for each row
 * @property {'number' | 'wide' | 'code'} [look]
 * @property {boolean} [fixed] not sorted by
 */
/**
 * @template T
 * @typedef {object} Options
 * @property {string} name what the rows are, "Largest swarms"
 * @property {Column<T>[]} columns
 * @property {(row: T) => string} key tells rows apart
 * @property {{ by: string, order: Order }} sort
 * @property {string} empty what is said when there are none
 * @property {string} [filter] label of the field to filter with
 * @property {(wanted: Wanted) => void} [ask] rows are on the server, and are to be asked for
 */
/** @typedef {{ by: string, order: Order, filter: string, offset: number, limit: number }} Wanted */

export const ROWS_MAX = 50
const TYPING_MS = 250
const UNKNOWN_ROWS = 'Not known yet.'

/** @template T */
export class Table {
  /** @type {HTMLElement} */
  element
  #options
  /** @type {{ by: string, order: Order }} */
  #sort
  #offset = 0
  #total = 0
  /** @type {T[]} */
  #all = []
  /** @type {T[]} */
  #shown = []
  #isLoaded = false
  /** What is said as long as there are no rows yet. */
  #waiting = 'Loading …'
  #body = h('tbody', { role: 'rowgroup' })
  #heads = new Map()
  #filter = h('input', { type: 'search', autocomplete: 'off', spellcheck: 'false' })
  #count = h('span', { class: 'table-count' })
  #empty = h('p', { class: 'hint table-empty' }, 'Loading …')
  #scroll
  #back
  #on
  #foot
  /** @type {Map<string, { element: HTMLElement, cells: HTMLElement[] }>} */
  #rows = new Map()

  /** @param {Options<T>} options */
  constructor (options) {
    this.#options = options
    this.#sort = { ...options.sort }
    this.#back = button('Previous', () => this.#turn(-1), { name: `Previous page of ${options.name}` })
    this.#on = button('Next', () => this.#turn(1), { name: `Next page of ${options.name}` })
    this.#scroll = h('div', { class: 'table-scroll', tabindex: 0, role: 'region', 'aria-label': options.name },
      h('table', { class: 'rows', role: 'table' },
        h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, ...options.columns.map(column => this.#head(column)))), this.#body))
    const save = button('CSV', () => this.#save(), { kind: 'quiet', icon: 'save', name: `Save ${options.name} as CSV` })
    this.#foot = h('div', { class: 'table-foot' }, this.#count, h('div', { class: 'buttons' }, this.#back, this.#on, save))
    this.element = h('div', { class: 'table' }, ...[this.#tools(), this.#scroll, this.#empty, this.#foot].filter(part => part !== null))
    this.#draw()
  }

  /** All rows, where the table pages them. @param {T[]} rows */
  setRows (rows) {
    this.#isLoaded = true
    this.#all = rows
    this.#draw()
  }

  /** Rows were not to be had. Those that are shown stay. @param {string} text */
  fail (text = UNKNOWN_ROWS) {
    if (this.#isLoaded || this.#waiting === text) return
    this.#waiting = text
    this.#drawRows()
  }

  /** The rows of a page, where the server does. @param {T[]} rows @param {number} total @param {number} offset where the page begins */
  setPage (rows, total, offset) {
    this.#isLoaded = true
    this.#offset = offset
    this.#total = total
    this.#shown = rows
    this.#drawRows()
  }

  /** @returns {Wanted} */
  get wanted () {
    return { by: this.#sort.by, order: this.#sort.order, filter: this.#filter.value.trim(), offset: this.#offset, limit: ROWS_MAX }
  }

  #tools () {
    const { filter } = this.#options
    if (!filter) return null
    const id = freshId('filter')
    this.#filter.id = id
    this.#filter.classList.add('control')
    this.#filter.placeholder = filter
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let typing
    this.#filter.addEventListener('input', () => {
      clearTimeout(typing)
      typing = setTimeout(() => this.#change(), this.#options.ask ? TYPING_MS : 0)
    })
    return h('div', { class: 'table-tools' }, h('label', { for: id, class: 'visually-hidden' }, filter), this.#filter)
  }

  /** @param {Column<T>} column */
  #head (column) {
    const head = h('th', { scope: 'col', role: 'columnheader', class: classOf(column) })
    if (column.fixed) {
      head.append(column.label || h('span', { class: 'visually-hidden' }, 'Actions'))
      return head
    }
    head.append(h('button', { type: 'button', class: 'sort', onclick: () => this.#sortBy(column) }, column.label))
    this.#heads.set(column.key, head)
    return head
  }

  /** @param {Column<T>} column */
  #sortBy ({ key, look }) {
    const isSame = this.#sort.by === key
    const first = look === 'number' ? 'desc' : 'asc'
    this.#sort = { by: key, order: isSame ? this.#sort.order === 'asc' ? 'desc' : 'asc' : first }
    this.#change()
  }

  /** @param {number} pages */
  #turn (pages) {
    this.#offset = Math.max(0, this.#offset + pages * ROWS_MAX)
    this.#scroll.scrollTop = 0
    this.#show()
  }

  #change () {
    this.#offset = 0
    this.#show()
  }

  #show () {
    this.#drawHeads()
    if (this.#options.ask) this.#options.ask(this.wanted)
    else this.#draw()
  }

  #draw () {
    const { columns, ask } = this.#options
    this.#drawHeads()
    if (!ask) {
      const texts = (/** @type {T} */ row) => columns.filter(({ fixed }) => !fixed).map(column => textOf(column, row))
      const column = columns.find(({ key }) => key === this.#sort.by)
      const found = filtered(this.#all, this.#filter.value, texts)
      const ordered = column ? sorted(found, column.value, this.#sort.order) : found
      this.#total = ordered.length
      this.#offset = pageStart(this.#offset, this.#total, ROWS_MAX)
      this.#shown = ordered.slice(this.#offset, this.#offset + ROWS_MAX)
    }
    this.#drawRows()
  }

  #drawHeads () {
    for (const [key, head] of this.#heads) {
      if (key === this.#sort.by) head.setAttribute('aria-sort', this.#sort.order === 'asc' ? 'ascending' : 'descending')
      else head.removeAttribute('aria-sort')
    }
  }

  #drawRows () {
    const { key } = this.#options
    const wanted = new Map(this.#shown.map(row => [key(row), row]))
    for (const [name, { element }] of this.#rows) {
      if (wanted.has(name)) continue
      element.remove()
      this.#rows.delete(name)
    }
    /** @type {Element | null} */
    let before = this.#body.firstElementChild
    for (const [name, row] of wanted) {
      const { element } = this.#row(name, row)
      if (element === before) before = before.nextElementSibling
      else this.#body.insertBefore(element, before)
    }
    const isEmpty = this.#shown.length === 0
    this.#scroll.hidden = this.#foot.hidden = isEmpty
    this.#empty.hidden = !isEmpty
    const { filter, empty } = this.#options
    setText(this.#empty, !this.#isLoaded ? this.#waiting : filter && this.#filter.value ? 'Nothing matches.' : empty)
    const isOnePage = this.#total <= ROWS_MAX
    setText(this.#count, isOnePage ? '' : pageWords(this.#offset, this.#shown.length, this.#total))
    this.#back.hidden = this.#on.hidden = isOnePage
    this.#back.disabled = this.#offset === 0
    this.#on.disabled = this.#offset + this.#shown.length >= this.#total
  }

  /** @param {string} name @param {T} row */
  #row (name, row) {
    const { columns } = this.#options
    const known = this.#rows.get(name)
    if (known) {
      columns.forEach((column, i) => {
        const cell = known.cells[i]
        if (cell && !column.make) setText(cell, textOf(column, row))
      })
      return known
    }
    const cells = columns.map(column => h('td', { class: classOf(column), role: 'cell', 'data-label': column.label || null }, column.make ? column.make(row) : textOf(column, row)))
    const made = { element: h('tr', { role: 'row' }, ...cells), cells }
    this.#rows.set(name, made)
    return made
  }

  #save () {
    const columns = this.#options.columns.filter(({ fixed }) => !fixed)
    saveText(fileName(this.#options.name), csvOf(columns.map(({ label }) => label), this.#shown.map(row => columns.map(({ value }) => value(row)))))
  }
}

/** A column without a label holds what can be done with the row. @template T @param {Column<T>} column */
const classOf = ({ label, look, fixed }) => [look, fixed ? label ? 'fixed' : 'actions' : null].filter(Boolean).join(' ') || null

/** @template T @param {Column<T>} column @param {T} row */
const textOf = ({ text, value }, row) => text ? text(row) : String(value(row) ?? '–')
