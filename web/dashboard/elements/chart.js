// @ts-check
// One chart: the picture by uPlot, its lines with their values, the same in words and as a table, and as a file. The
// arrow keys move through it.

import { button, h, setText } from '../../share/elements/dom.js'
import uPlot from '../../vendor/uplot/uPlot.esm.js'
import { fileName, saveText } from '../core/save.js'
import { linesOf } from '../lib/charts.js'
import { summary, thinned } from '../lib/columns.js'
import { csvOfColumns } from '../lib/csv.js'
import { formatMark as formatAmount, formatValue } from '../lib/numbers.js'
import { formatMark, formatMoment, formatWithin } from '../lib/times.js'
import { palette } from './palette.js'
import { freshId } from './parts.js'

/** @typedef {import('../lib/charts.js').Chart} Plan */
/** @typedef {import('../lib/charts.js').Line} Line */
/** @typedef {import('../lib/columns.js').Columns} Columns */

const HEIGHT = 190
/** Steps of an axis of things that there are no halves of. */
const WHOLE_STEPS = Array.from({ length: 10 }, (_, power) => [1, 2, 5].map(step => step * 10 ** power)).flat()
const TABLE_ROWS_MAX = 60
const SAID_MS = 10_000
/** The live charts begin with this width in time. */
const LIVE_SECONDS_MIN = 60
/** Beside the colours, for those who do not see them. */
const DASHES = [[], [7, 3], [2, 3], [10, 3, 2, 3], [4, 4], [1, 5]]

export class Chart {
  /** @type {HTMLElement} */
  element
  #plan
  #tell
  #plot = h('div', { class: 'plot', tabindex: 0, role: 'group', 'aria-roledescription': 'chart' })
  #legend = h('ul', { class: 'legend' })
  #moment = h('p', { class: 'chart-moment' })
  #table = h('details', { class: 'chart-table' })
  /** @type {uPlot | null} */
  #picture = null
  /** What the picture was built for. */
  #built = ''
  /** @type {Columns} */
  #columns = { step: 1, at: [], series: {} }
  /** @type {Line[]} */
  #lines = []
  /** @type {Set<string>} */
  #hidden = new Set()
  #range = { name: '', seconds: 0 }
  /** @type {Map<string, { box: HTMLElement, value: HTMLElement, toggle: HTMLElement }>} */
  #values = new Map()
  #isVisible = false
  #isKept = true
  /** Why there are no numbers. */
  #missing = ''
  /** When its numbers were last put into words. */
  #said = { range: '', at: -Infinity }

  /** @param {Plan} plan @param {(text: string) => void} tell says something to those who hear the page */
  constructor (plan, tell) {
    this.#plan = plan
    this.#tell = tell
    const id = freshId('chart')
    this.#table.append(h('summary', {}, 'Table', h('span', { class: 'visually-hidden' }, ` of ${plan.title}`)))
    this.#table.addEventListener('toggle', () => this.#drawTable())
    const save = button('CSV', () => this.#save(), { kind: 'quiet', icon: 'save', name: `Save ${plan.title} as CSV` })
    this.element = h('figure', { class: 'card chart', 'aria-labelledby': id },
      h('figcaption', {}, h('div', { class: 'chart-head' }, h('h3', { id }, plan.title), this.#moment), h('p', { class: 'hint' }, plan.doc)),
      this.#legend, this.#plot,
      h('div', { class: 'chart-tools' }, this.#table, save))
    this.#plot.addEventListener('keydown', event => this.#onKey(event))
    new ResizeObserver(() => this.#resize()).observe(this.#plot)
    // Charts that nobody sees are not drawn.
    new IntersectionObserver(([entry]) => {
      this.#isVisible = entry?.isIntersecting ?? false
      this.#draw()
    }, { rootMargin: '200px' }).observe(this.#plot)
  }

  /** Shows nothing of a range of which nothing is known. @param {{ name: string, seconds: number }} range @param {string} words */
  clear (range, words) {
    this.#missing = words
    this.#show({ step: 1, at: [], series: {} }, range)
  }

  /** @param {Columns} columns @param {{ name: string, seconds: number }} range */
  update (columns, range) {
    this.#missing = ''
    this.#show(columns, range)
  }

  /** Of which range it shows anything, by name. */
  get shows () {
    return this.#missing ? '' : this.#range.name
  }

  /** @param {Columns} columns @param {{ name: string, seconds: number }} range */
  #show (columns, range) {
    this.#columns = columns
    if (range.name !== this.#range.name) this.#table.open = false
    this.#range = range
    // Not all that is live is in the history.
    const there = linesOf(this.#plan, series => columns.series[series]?.mean ?? []).filter(line => columns.series[line.series])
    this.#isKept = there.length > 0 || this.#plan.candidates.some(line => columns.series[line.series])
    this.#lines = there
    this.#draw()
  }

  /** After a change of colours. */
  redraw () {
    this.#built = ''
    this.#draw()
  }

  #draw () {
    this.#drawLegend()
    if (this.#isVisible) this.#drawPicture()
  }

  get #span () {
    const { at } = this.#columns
    return Number.isFinite(this.#range.seconds) ? this.#range.seconds : (at.at(-1) ?? 0) - (at[0] ?? 0)
  }

  /** Whether minimum and maximum differ from the mean at all. */
  get #hasBands () {
    return this.#columns.step > 1 && this.#lines.length <= 2
  }

  #drawPicture () {
    const { width } = this.#plot.getBoundingClientRect()
    if (width < 50) return
    const structure = [this.#lines.map(line => line.series), this.#hasBands, Math.round(this.#span), this.#columns.step].join()
    const data = this.#data()
    if (structure === this.#built && this.#picture) {
      this.#picture.setData(data)
      return
    }
    this.#picture?.destroy()
    this.#built = structure
    this.#picture = new uPlot(this.#options(width), data, this.#plot)
  }

  /** @returns {import('../../vendor/uplot/uPlot.esm.js').Columns} */
  #data () {
    const { at, series } = this.#columns
    const of = (/** @type {Line} */ line, /** @type {'mean' | 'min' | 'max'} */ what) => series[line.series]?.[what] ?? at.map(() => null)
    const bands = this.#hasBands ? this.#lines.flatMap(line => [of(line, 'max'), of(line, 'min')]) : []
    return [at, ...this.#lines.map(line => of(line, 'mean')), ...bands]
  }

  /** @param {number} width @returns {import('../../vendor/uplot/uPlot.esm.js').Options} */
  #options (width) {
    const { lines, text, grid } = palette()
    const count = this.#lines.length
    const colour = (/** @type {number} */ i) => lines[i % lines.length] ?? text
    const isShown = (/** @type {Line} */ line) => !this.#hidden.has(line.series)
    const axis = { stroke: text, font: '12px system-ui, sans-serif', grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1, size: 4 } }
    const isRatio = this.#plan.unit === 'ratio'
    return {
      width,
      height: HEIGHT,
      // Half of a mark of the time axis, which may stand at its end.
      padding: [8, 26, 0, 0],
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, sync: { key: 'dashboard' }, y: false, points: { size: 7 } },
      scales: {
        x: { time: true, range: (_, min, max) => this.#timeRange(min, max) },
        y: { range: (_, min, max) => isRatio ? [0, 1] : [Math.min(0, min ?? 0), top(max ?? 0)] }
      },
      axes: [
        { ...axis, size: 28, space: 58, values: (_, splits, _axis, _space, increment) => splits.map(at => formatMark(at, increment)) },
        { ...axis, size: 74, space: 36, ...this.#plan.whole ? { incrs: WHOLE_STEPS } : {}, values: (_, splits) => splits.map(value => formatAmount(value, this.#plan)) }
      ],
      series: [
        {},
        ...this.#lines.map((line, i) => ({ label: line.label, stroke: colour(i), width: 1.75, dash: DASHES[i] ?? [], show: isShown(line), points: { show: false } })),
        ...this.#hasBands ? this.#lines.flatMap(line => [0, 1].map(() => ({ stroke: 'transparent', width: 0, show: isShown(line), points: { show: false, size: 0 } }))) : []
      ],
      bands: this.#hasBands ? this.#lines.map((_, i) => ({ series: [count + 1 + 2 * i, count + 2 + 2 * i], fill: `${colour(i)}33` })) : [],
      hooks: { setCursor: [chart => this.#drawValues(chart.cursor.idx ?? null)] }
    }
  }

  /** The whole range, also where nothing is known of it; but the live one grows with what there is. @param {number | null} min @param {number | null} max @returns {[number, number]} */
  #timeRange (min, max) {
    const last = max ?? Date.now() / 1000
    const whole = Number.isFinite(this.#range.seconds) ? last - this.#range.seconds : min ?? last
    const first = this.#columns.step === 1 ? Math.max(whole, Math.min(min ?? last, last - LIVE_SECONDS_MIN)) : whole
    return [Math.min(first, last - 1), last]
  }

  #resize () {
    const { width } = this.#plot.getBoundingClientRect()
    if (this.#picture && width >= 50) this.#picture.setSize({ width, height: HEIGHT })
    else this.#draw()
  }

  #drawLegend () {
    const names = this.#lines.map(line => line.series)
    if (names.join() !== [...this.#values.keys()].join()) {
      this.#values = new Map(this.#lines.map((line, i) => [line.series, this.#legendItem(line, i)]))
      this.#legend.replaceChildren(...[...this.#values.values()].map(({ box }) => box))
    }
    const hasPlan = this.#lines.length > 0
    this.#plot.classList.toggle('nothing', !hasPlan)
    this.#plot.dataset.words = this.#missing ? this.#missing : this.#isKept ? 'Nothing happened in this time.' : 'The history does not keep this; it is shown live.'
    this.#drawValues(this.#picture?.cursor.idx ?? null)
    const words = this.#lines.map(line => {
      const known = summary(this.#columns.series[line.series])
      const format = (/** @type {number | null} */ value) => formatValue(value, this.#plan)
      return known ? `${line.label}: now ${format(known.latest)}, on average ${format(known.mean)}, lowest ${format(known.min)}, highest ${format(known.max)}` : `${line.label}: nothing known`
    })
    // Not at every second, and not while somebody listens to it.
    const now = performance.now()
    const said = this.#range.name + this.#missing
    if (said === this.#said.range && (now - this.#said.at < SAID_MS || document.activeElement === this.#plot)) return
    this.#said = { range: said, at: now }
    this.#plot.setAttribute('aria-label', `${this.#plan.title}, ${this.#range.name}. ${words.join('. ') || this.#missing || 'Nothing happened.'}. Arrow keys move through it.`)
  }

  /** @param {Line} line @param {number} i */
  #legendItem (line, i) {
    const value = h('span', { class: 'legend-value' })
    const toggle = h('button', {
      type: 'button',
      class: `legend-line line-${i + 1}`,
      'aria-pressed': String(!this.#hidden.has(line.series)),
      title: line.series,
      onclick: () => this.#toggle(line)
    }, h('span', { class: 'swatch', 'aria-hidden': 'true' }), line.label)
    return { box: h('li', {}, toggle, value), value, toggle }
  }

  /** @param {Line} line */
  #toggle (line) {
    if (!this.#hidden.delete(line.series)) this.#hidden.add(line.series)
    const isShown = !this.#hidden.has(line.series)
    this.#values.get(line.series)?.toggle.setAttribute('aria-pressed', String(isShown))
    this.redraw()
  }

  /** Values at the cursor, or the latest. @param {number | null} index */
  #drawValues (index) {
    const { at, series } = this.#columns
    const i = index ?? at.length - 1
    const moment = at[i]
    setText(this.#moment, this.#missing ? '' : !this.#isKept ? 'not in the history' : this.#lines.length === 0 ? 'nothing happened' : index === null || moment === undefined ? 'now' : formatWithin(moment, this.#span))
    for (const [name, { value }] of this.#values) setText(value, formatValue(series[name]?.mean[i], this.#plan))
  }

  /** @param {KeyboardEvent} event */
  #onKey (event) {
    const { at, series } = this.#columns
    const last = at.length - 1
    const now = this.#picture?.cursor.idx ?? last
    const step = Math.max(1, Math.round(at.length / 60))
    const places = /** @type {Record<string, number>} */ ({ ArrowLeft: now - step, ArrowRight: now + step, Home: 0, End: last })
    const wanted = places[event.key]
    if (wanted === undefined || !this.#picture || last < 0) return
    event.preventDefault()
    const index = Math.min(last, Math.max(0, wanted))
    const moment = at[index] ?? 0
    this.#picture.setCursor({ left: this.#picture.valToPos(moment, 'x'), top: 0 })
    const words = this.#lines.map(line => `${line.label} ${formatValue(series[line.series]?.mean[index], this.#plan)}`)
    this.#tell(`${formatWithin(moment, this.#span)}: ${words.join(', ')}`)
  }

  #drawTable () {
    if (!this.#table.open) return
    const { at, series } = this.#columns
    const lines = this.#lines
    const rows = thinned(at.length, TABLE_ROWS_MAX).reverse().map(i => h('tr', {},
      h('th', { scope: 'row' }, formatMoment(at[i] ?? 0)),
      ...lines.map(line => h('td', { class: 'number' }, formatValue(series[line.series]?.mean[i], this.#plan)))))
    const table = h('table', {},
      h('caption', {}, `${this.#plan.title}, ${this.#range.name}, as of ${formatMoment(at.at(-1) ?? 0)}`),
      h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'Time'), ...lines.map(line => h('th', { scope: 'col', class: 'number' }, line.label)))),
      h('tbody', {}, ...rows))
    this.#table.querySelector('.table-scroll')?.remove()
    this.#table.append(h('div', { class: 'table-scroll', tabindex: 0, role: 'region', 'aria-label': `Values of ${this.#plan.title}` }, table))
  }

  #save () {
    saveText(fileName(this.#plan.title), csvOfColumns(this.#columns, this.#lines.map(line => line.series)))
  }
}

/** Room above the highest value; a chart of nothing still has a scale. @param {number} max */
const top = max => max > 0 ? max * 1.1 : 1
