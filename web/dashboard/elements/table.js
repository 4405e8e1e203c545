// @ts-check
// <dashboard-table>: a table that sorts, filters and pages its rows, either here or on the server. It reuses the elements
// of rows that stay, so that focus and scroll position stay too. On a phone each row is a card. The roles are explicit,
// because browsers drop the implicit ones when CSS changes the layout of a table.

import { button, define, h, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { fileName, saveText } from '../core/save.js'
import { csvOf } from '../lib/csv.js'
import { filtered, pageStart, pageText, sorted } from '../lib/rows.js'
import { freshId } from './parts.js'

/** @typedef {import('../lib/rows.js').Value} Value */
/** @typedef {import('../lib/rows.js').Order} Order */
/**
 * @template T
 * @typedef {object} Column
 * @property {string} key
 * @property {string} label
 * @property {(row: T) => Value} value for sorting and for the CSV file
 * @property {(row: T) => string} [text] for display, if it differs from the value
 * @property {(row: T) => Node} [make] creates a node for display, once per row
 * @property {'number' | 'wide' | 'wrap' | 'code'} [look]
 * @property {boolean} [fixed] cannot be sorted by
 * @property {boolean} [optional] hidden while no row has a value, in a table that has all rows
 */
/**
 * @template T
 * @typedef {object} Options
 * @property {string} name what the rows are, such as "Largest swarms"
 * @property {Column<T>[]} columns
 * @property {(row: T) => string} key identifies a row
 * @property {{ by: string, order: Order }} sort
 * @property {string} empty text of a table without rows
 * @property {string} [filter] label of the filter field
 * @property {() => void} [request] called when the user wants other rows, if the server sorts, filters and pages
 */
/** @typedef {{ by: string, order: Order, filter: string, offset: number, limit: number }} Query */

export const ROWS_MAX = 50
const TYPING_MS = 250
const UNKNOWN_ROWS = 'Not known yet.'

/** @template T */
export class Table extends SwarmElement {
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
  /** The text until the first rows arrive. */
  #pendingText = 'Loading …'
  #body = h('tbody', { role: 'rowgroup' })
  #heads = new Map()
  #filter = h('input', { type: 'search', autocomplete: 'off', spellcheck: 'false' })
  #count = h('span', { class: 'table-count' })
  #empty = h('p', { class: 'hint table-empty' }, 'Loading …')
  /** @type {HTMLElement} */
  #scroll
  #previous
  #next
  /** @type {HTMLElement} */
  #foot
  /** @type {Map<string, { element: HTMLElement, cells: HTMLElement[] }>} */
  #rows = new Map()

  /** @param {Options<T>} options */
  constructor(options) {
    super()
    this.#options = options
    this.#sort = { ...options.sort }
    this.#previous = button('Previous', () => this.#turn(-1), { name: `Previous page of ${options.name}` })
    this.#next = button('Next', () => this.#turn(1), { name: `Next page of ${options.name}` })
    const heads = options.columns.map(column => this.#head(column))
    this.#scroll = h(
      'div',
      { class: 'table-scroll', tabindex: 0, role: 'region', 'aria-label': options.name },
      h(
        'table',
        { class: 'rows', role: 'table' },
        h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, ...heads)),
        this.#body
      )
    )
    const save = button('CSV', () => this.#save(), { kind: 'quiet', icon: 'save', name: `Save ${options.name} as CSV` })
    this.#foot = h(
      'div',
      { class: 'table-foot' },
      this.#count,
      h('div', { class: 'buttons' }, this.#previous, this.#next, save)
    )
    this.#draw()
  }

  /** @override */
  build() {
    this.className = 'table'
    // A card with the same title already is a landmark of this name.
    const title = this.closest('.card')?.querySelector('h2')?.textContent
    if (title === this.#options.name) this.#scroll.setAttribute('role', 'group')
    const { filter } = this.#options
    this.append(...(filter ? [this.#tools(filter)] : []), this.#scroll, this.#empty, this.#foot)
  }

  /** Shows all rows of a table that pages them itself. @param {T[]} rows */
  update(rows) {
    this.#isLoaded = true
    this.#all = rows
    this.#draw()
  }

  /** Replaces "Loading …" when the rows cannot be loaded. Rows that are shown stay. @param {string} text */
  showUnknown(text = UNKNOWN_ROWS) {
    if (this.#isLoaded || this.#pendingText === text) return
    this.#pendingText = text
    this.#drawRows()
  }

  /** Shows one page that the server selected. @param {T[]} rows @param {number} total @param {number} offset of the first row */
  updatePage(rows, total, offset) {
    this.#isLoaded = true
    this.#offset = offset
    this.#total = total
    this.#shown = rows
    this.#drawRows()
  }

  /** The rows that the user wants to see. @returns {Query} */
  get query() {
    return {
      by: this.#sort.by,
      order: this.#sort.order,
      filter: this.#filter.value.trim(),
      offset: this.#offset,
      limit: ROWS_MAX
    }
  }

  /** @param {string} filter label of the filter field */
  #tools(filter) {
    const id = freshId('filter')
    this.#filter.id = id
    this.#filter.classList.add('control')
    this.#filter.placeholder = filter
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let typing
    this.#filter.addEventListener('input', () => {
      clearTimeout(typing)
      typing = setTimeout(() => this.#change(), this.#options.request ? TYPING_MS : 0)
    })
    return h('div', { class: 'table-tools' }, h('label', { for: id, class: 'visually-hidden' }, filter), this.#filter)
  }

  /** @param {Column<T>} column */
  #head(column) {
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
  #sortBy({ key, look }) {
    const isSame = this.#sort.by === key
    const first = look === 'number' ? 'desc' : 'asc'
    this.#sort = { by: key, order: isSame ? (this.#sort.order === 'asc' ? 'desc' : 'asc') : first }
    this.#change()
  }

  /** @param {number} pages */
  #turn(pages) {
    this.#offset = Math.max(0, this.#offset + pages * ROWS_MAX)
    this.#scroll.scrollTop = 0
    this.#show()
  }

  #change() {
    this.#offset = 0
    this.#show()
  }

  #show() {
    this.#drawHeads()
    if (this.#options.request) this.#options.request()
    else this.#draw()
  }

  #draw() {
    const { columns, request } = this.#options
    this.#drawHeads()
    if (!request) {
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

  #drawHeads() {
    for (const [key, head] of this.#heads) {
      if (key === this.#sort.by) head.setAttribute('aria-sort', this.#sort.order === 'asc' ? 'ascending' : 'descending')
      else head.removeAttribute('aria-sort')
    }
  }

  #drawRows() {
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
    this.#drawOptional()
    const isEmpty = this.#shown.length === 0
    this.#scroll.hidden = this.#foot.hidden = isEmpty
    this.#empty.hidden = !isEmpty
    const { filter, empty } = this.#options
    setText(
      this.#empty,
      !this.#isLoaded ? this.#pendingText : filter && this.#filter.value ? 'Nothing matches.' : empty
    )
    const isOnePage = this.#total <= ROWS_MAX
    setText(this.#count, isOnePage ? '' : pageText(this.#offset, this.#shown.length, this.#total))
    this.#previous.hidden = this.#next.hidden = isOnePage
    this.#previous.disabled = this.#offset === 0
    this.#next.disabled = this.#offset + this.#shown.length >= this.#total
  }

  #drawOptional() {
    this.#options.columns.forEach((column, i) => {
      if (!column.optional) return
      const isHidden = this.#isHidden(column)
      this.#heads.get(column.key)?.toggleAttribute('hidden', isHidden)
      for (const { cells } of this.#rows.values()) cells[i]?.toggleAttribute('hidden', isHidden)
    })
  }

  /** @param {Column<T>} column */
  #isHidden({ optional, value }) {
    return optional === true && this.#all.every(row => value(row) === null)
  }

  /** @param {string} name @param {T} row */
  #row(name, row) {
    const { columns } = this.#options
    const known = this.#rows.get(name)
    if (known) {
      columns.forEach((column, i) => {
        const cell = known.cells[i]
        if (cell && !column.make) setText(cell, textOf(column, row))
      })
      return known
    }
    const cells = columns.map(column =>
      h(
        'td',
        { class: classOf(column), role: 'cell', 'data-label': column.label || null },
        column.make ? column.make(row) : textOf(column, row)
      )
    )
    const made = { element: h('tr', { role: 'row' }, ...cells), cells }
    this.#rows.set(name, made)
    return made
  }

  #save() {
    const columns = this.#options.columns.filter(column => !column.fixed && !this.#isHidden(column))
    saveText(
      fileName(this.#options.name),
      csvOf(
        columns.map(({ label }) => label),
        this.#shown.map(row => columns.map(({ value }) => value(row)))
      )
    )
  }
}

/** A column without a label has the actions of the row. @template T @param {Column<T>} column */
const classOf = ({ label, look, fixed }) =>
  [look, fixed ? (label ? 'fixed' : 'actions') : null].filter(Boolean).join(' ') || null

/** @template T @param {Column<T>} column @param {T} row */
const textOf = ({ text, value }, row) => (text ? text(row) : String(value(row) ?? '–'))

define('dashboard-table', Table)
