// @ts-check
// <dashboard-chart>: one chart that uPlot draws, with a legend that shows values, a text for screen readers, a table and a
// CSV file. The arrow keys move through it. Fires `live-text` with the values at the cursor.

import { button, define, emit, h, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
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

/** @typedef {{ name: string, seconds: number }} Range */

const HEIGHT = 190
const WIDTH_MIN = 50
/** Steps of the axis of a quantity without fractions. */
const WHOLE_STEPS = Array.from({ length: 10 }, (_, power) => [1, 2, 5].map(step => step * 10 ** power)).flat()
const TABLE_ROWS_MAX = 60
/** The accessible name, which holds the values, changes at most this often. */
const LABEL_MS = 10_000
/** Shortest time axis of a live chart. */
const LIVE_SECONDS_MIN = 60
/** Distinguish the lines without their colours. */
const DASHES = [[], [7, 3], [2, 3], [10, 3, 2, 3], [4, 4], [1, 5]]

export class Chart extends SwarmElement {
  #plan
  #plot = h('div', { class: 'plot', tabindex: 0, role: 'group', 'aria-roledescription': 'chart' })
  #legend = h('ul', { class: 'legend' })
  #moment = h('p', { class: 'chart-moment' })
  #table = h('details', { class: 'chart-table' })
  /** @type {uPlot | null} */
  #picture = null
  /** The structure that the picture was created for. */
  #pictureStructure = ''
  /** @type {Columns} */
  #columns = { step: 1, at: [], series: {} }
  /** @type {Line[]} */
  #lines = []
  /** @type {Set<string>} */
  #hidden = new Set()
  /** @type {Range} */
  #range = { name: '', seconds: 0 }
  /** By series. @type {Map<string, { box: HTMLElement, value: HTMLElement, toggle: HTMLElement }>} */
  #values = new Map()
  #isVisible = false
  /** Whether the history has any series of the chart. */
  #isStored = true
  /** Why there are no numbers. */
  #missing = ''
  /** For which range and when the accessible name was last set. */
  #label = { range: '', at: -Infinity }

  /** @param {Plan} plan */
  constructor(plan) {
    super()
    this.#plan = plan
  }

  /** @override */
  build() {
    const { title, doc } = this.#plan
    const id = freshId('chart')
    this.#table.append(h('summary', {}, 'Table', h('span', { class: 'visually-hidden' }, ` of ${title}`)))
    this.#table.addEventListener('toggle', () => this.#drawTable())
    this.#plot.addEventListener('keydown', event => this.#onKey(event))
    const save = button('CSV', () => this.#save(), { kind: 'quiet', icon: 'save', name: `Save ${title} as CSV` })
    this.append(
      h(
        'figure',
        { class: 'card chart', 'aria-labelledby': id },
        h(
          'figcaption',
          {},
          h('div', { class: 'chart-head' }, h('h3', { id }, title), this.#moment),
          h('p', { class: 'hint' }, doc)
        ),
        this.#legend,
        this.#plot,
        h('div', { class: 'chart-tools' }, this.#table, save)
      )
    )
  }

  /** @override @param {AbortSignal} signal */
  start(signal) {
    const sizes = new ResizeObserver(() => this.#resize())
    sizes.observe(this.#plot)
    // A chart outside of the window is not drawn.
    const visibility = new IntersectionObserver(
      ([entry]) => {
        this.#isVisible = entry?.isIntersecting ?? false
        this.#draw()
      },
      { rootMargin: '200px' }
    )
    visibility.observe(this.#plot)
    signal.addEventListener('abort', () => {
      sizes.disconnect()
      visibility.disconnect()
      this.#isVisible = false
      this.#destroyPicture()
    })
  }

  /** Shows a text in place of a range without data. @param {Range} range @param {string} text */
  clear(range, text) {
    this.#missing = text
    this.#show({ step: 1, at: [], series: {} }, range)
  }

  /** @param {Columns} columns @param {Range} range */
  update(columns, range) {
    this.#missing = ''
    this.#show(columns, range)
  }

  /** The name of the range whose data are shown; empty: none. */
  get shownRange() {
    return this.#missing ? '' : this.#range.name
  }

  /** @param {Columns} columns @param {Range} range */
  #show(columns, range) {
    this.#columns = columns
    if (range.name !== this.#range.name) this.#table.open = false
    this.#range = range
    // The history lacks some of the live series.
    const lines = linesOf(this.#plan, series => columns.series[series]?.mean ?? []).filter(
      line => columns.series[line.series]
    )
    this.#isStored = lines.length > 0 || this.#plan.candidates.some(line => columns.series[line.series])
    this.#lines = lines
    this.#draw()
  }

  /** Draws everything again, in the current colours. */
  redraw() {
    this.#pictureStructure = ''
    this.#draw()
  }

  #destroyPicture() {
    this.#picture?.destroy()
    this.#picture = null
  }

  #draw() {
    this.#drawLegend()
    if (this.#isVisible) this.#drawPicture()
  }

  /** Seconds that the time axis covers. */
  get #span() {
    const { at } = this.#columns
    return Number.isFinite(this.#range.seconds) ? this.#range.seconds : (at.at(-1) ?? 0) - (at[0] ?? 0)
  }

  /** Whether bands show minimum and maximum. A live sample has none. */
  get #hasBands() {
    return this.#columns.step > 1 && this.#lines.length <= 2
  }

  #drawPicture() {
    const { width } = this.#plot.getBoundingClientRect()
    if (width < WIDTH_MIN) return
    const structure = [
      this.#lines.map(line => line.series),
      this.#hasBands,
      Math.round(this.#span),
      this.#columns.step
    ].join()
    const data = this.#data()
    if (structure === this.#pictureStructure && this.#picture) {
      this.#picture.setData(data)
      return
    }
    this.#destroyPicture()
    this.#pictureStructure = structure
    this.#picture = new uPlot(this.#options(width), data, this.#plot)
  }

  /** @returns {import('../../vendor/uplot/uPlot.esm.js').Columns} */
  #data() {
    const { at, series } = this.#columns
    const values = (/** @type {Line} */ line, /** @type {'mean' | 'min' | 'max'} */ kind) =>
      series[line.series]?.[kind] ?? at.map(() => null)
    const bands = this.#hasBands ? this.#lines.flatMap(line => [values(line, 'max'), values(line, 'min')]) : []
    return [at, ...this.#lines.map(line => values(line, 'mean')), ...bands]
  }

  /** @param {number} width @returns {import('../../vendor/uplot/uPlot.esm.js').Options} */
  #options(width) {
    const isRatio = this.#plan.unit === 'ratio'
    return {
      width,
      height: HEIGHT,
      // Room for half of the last mark of the time axis.
      padding: [8, 26, 0, 0],
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, sync: { key: 'dashboard' }, y: false, points: { size: 7 } },
      scales: {
        x: { time: true, range: (_, min, max) => this.#timeRange(min, max) },
        y: { range: (_, min, max) => (isRatio ? [0, 1] : [Math.min(0, min ?? 0), scaleMax(max ?? 0)]) }
      },
      axes: this.#axes(),
      ...this.#curves(),
      hooks: { setCursor: [chart => this.#drawValues(chart.cursor.idx ?? null)] }
    }
  }

  /** @returns {import('../../vendor/uplot/uPlot.esm.js').Options['axes']} */
  #axes() {
    const { text, grid } = palette()
    const axis = {
      stroke: text,
      font: '12px system-ui, sans-serif',
      grid: { stroke: grid, width: 1 },
      ticks: { stroke: grid, width: 1, size: 4 }
    }
    return [
      {
        ...axis,
        size: 28,
        space: 58,
        values: (_, splits, _axis, _space, increment) => splits.map(at => formatMark(at, increment))
      },
      {
        ...axis,
        size: 74,
        space: 36,
        ...(this.#plan.whole ? { incrs: WHOLE_STEPS } : {}),
        values: (_, splits) => splits.map(value => formatAmount(value, this.#plan))
      }
    ]
  }

  /** The lines, and the bands from minimum to maximum, in the order of `#data`. @returns {Pick<import('../../vendor/uplot/uPlot.esm.js').Options, 'series' | 'bands'>} */
  #curves() {
    const { lines: colours, text } = palette()
    const colour = (/** @type {number} */ i) => colours[i % colours.length] ?? text
    const show = (/** @type {Line} */ line) => !this.#hidden.has(line.series)
    const lines = this.#lines.map((line, i) => ({
      label: line.label,
      stroke: colour(i),
      width: 1.75,
      dash: DASHES[i] ?? [],
      show: show(line),
      points: { show: false }
    }))
    if (!this.#hasBands) return { series: [{}, ...lines], bands: [] }
    const edge = (/** @type {Line} */ line) => ({
      stroke: 'transparent',
      width: 0,
      show: show(line),
      points: { show: false, size: 0 }
    })
    const edges = this.#lines.flatMap(line => [edge(line), edge(line)])
    const first = 1 + lines.length
    const bands = lines.map((_, i) => ({
      series: /** @type {[number, number]} */ ([first + 2 * i, first + 2 * i + 1]),
      fill: `${colour(i)}33`
    }))
    return { series: [{}, ...lines, ...edges], bands }
  }

  /** The time axis: the whole range, also where it has no data. A live chart starts narrow and grows. @param {number | null} min @param {number | null} max @returns {[number, number]} */
  #timeRange(min, max) {
    const last = max ?? Date.now() / 1000
    const whole = Number.isFinite(this.#range.seconds) ? last - this.#range.seconds : (min ?? last)
    const first = this.#columns.step === 1 ? Math.max(whole, Math.min(min ?? last, last - LIVE_SECONDS_MIN)) : whole
    return [Math.min(first, last - 1), last]
  }

  #resize() {
    const { width } = this.#plot.getBoundingClientRect()
    if (this.#picture && width >= WIDTH_MIN) this.#picture.setSize({ width, height: HEIGHT })
    else this.#draw()
  }

  #drawLegend() {
    const names = this.#lines.map(line => line.series)
    if (names.join() !== [...this.#values.keys()].join()) {
      this.#values = new Map(this.#lines.map((line, i) => [line.series, this.#legendItem(line, i)]))
      this.#legend.replaceChildren(...[...this.#values.values()].map(({ box }) => box))
    }
    this.#plot.classList.toggle('nothing', this.#lines.length === 0)
    this.#plot.dataset.words = this.#missing
      ? this.#missing
      : this.#isStored
        ? 'No activity in this time.'
        : 'The history does not store this. The live chart shows it.'
    this.#drawValues(this.#picture?.cursor.idx ?? null)
    this.#updateLabel()
  }

  /** Sets the accessible name with the values in words; not each second, and not while the chart has the focus. */
  #updateLabel() {
    const now = performance.now()
    const range = this.#range.name + this.#missing
    const isRecent = now - this.#label.at < LABEL_MS || document.activeElement === this.#plot
    if (range === this.#label.range && isRecent) return
    this.#label = { range, at: now }
    const format = (/** @type {number | null} */ value) => formatValue(value, this.#plan)
    const texts = this.#lines.map(line => {
      const known = summary(this.#columns.series[line.series])
      return known
        ? `${line.label}: now ${format(known.latest)}, on average ${format(known.mean)}, lowest ${format(known.min)}, highest ${format(known.max)}`
        : `${line.label}: no data`
    })
    this.#plot.setAttribute(
      'aria-label',
      `${this.#plan.title}, ${this.#range.name}. ${texts.join('. ') || this.#missing || 'No activity.'}. Arrow keys move through it.`
    )
  }

  /** @param {Line} line @param {number} i */
  #legendItem(line, i) {
    const value = h('span', { class: 'legend-value' })
    const toggle = h(
      'button',
      {
        type: 'button',
        class: `legend-line line-${i + 1}`,
        'aria-pressed': String(!this.#hidden.has(line.series)),
        title: line.series,
        onclick: () => this.#toggle(line)
      },
      h('span', { class: 'swatch', 'aria-hidden': 'true' }),
      line.label
    )
    return { box: h('li', {}, toggle, value), value, toggle }
  }

  /** @param {Line} line */
  #toggle(line) {
    if (!this.#hidden.delete(line.series)) this.#hidden.add(line.series)
    const isShown = !this.#hidden.has(line.series)
    this.#values.get(line.series)?.toggle.setAttribute('aria-pressed', String(isShown))
    this.redraw()
  }

  /** Shows the values at an index of the columns. @param {number | null} index null: the latest */
  #drawValues(index) {
    const { at, series } = this.#columns
    const i = index ?? at.length - 1
    const moment = at[i]
    const time = index === null || moment === undefined ? 'now' : formatWithin(moment, this.#span)
    const text = !this.#isStored ? 'not in the history' : this.#lines.length === 0 ? 'no activity' : time
    setText(this.#moment, this.#missing ? '' : text)
    for (const [name, { value }] of this.#values) setText(value, formatValue(series[name]?.mean[i], this.#plan))
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const { at, series } = this.#columns
    const last = at.length - 1
    const now = this.#picture?.cursor.idx ?? last
    const step = Math.max(1, Math.round(at.length / 60))
    const targets = /** @type {Record<string, number>} */ ({
      ArrowLeft: now - step,
      ArrowRight: now + step,
      Home: 0,
      End: last
    })
    const target = targets[event.key]
    if (target === undefined || !this.#picture || last < 0) return
    event.preventDefault()
    const index = Math.min(last, Math.max(0, target))
    const moment = at[index] ?? 0
    this.#picture.setCursor({ left: this.#picture.valToPos(moment, 'x'), top: 0 })
    const texts = this.#lines.map(line => `${line.label} ${formatValue(series[line.series]?.mean[index], this.#plan)}`)
    emit(this, 'live-text', `${formatWithin(moment, this.#span)}: ${texts.join(', ')}`)
  }

  #drawTable() {
    if (!this.#table.open) return
    const { at, series } = this.#columns
    const lines = this.#lines
    const rows = thinned(at.length, TABLE_ROWS_MAX)
      .reverse()
      .map(i =>
        h(
          'tr',
          {},
          h('th', { scope: 'row' }, formatMoment(at[i] ?? 0)),
          ...lines.map(line => h('td', { class: 'number' }, formatValue(series[line.series]?.mean[i], this.#plan)))
        )
      )
    const table = h(
      'table',
      {},
      h('caption', {}, `${this.#plan.title}, ${this.#range.name}, as of ${formatMoment(at.at(-1) ?? 0)}`),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          h('th', { scope: 'col' }, 'Time'),
          ...lines.map(line => h('th', { scope: 'col', class: 'number' }, line.label))
        )
      ),
      h('tbody', {}, ...rows)
    )
    this.#table.querySelector('.table-scroll')?.remove()
    this.#table.append(
      h(
        'div',
        { class: 'table-scroll', tabindex: 0, role: 'region', 'aria-label': `Values of ${this.#plan.title}` },
        table
      )
    )
  }

  #save() {
    saveText(
      fileName(this.#plan.title),
      csvOfColumns(
        this.#columns,
        this.#lines.map(line => line.series)
      )
    )
  }
}

/** The end of the scale, above the highest value. A chart of zeros has a scale too. @param {number} max */
const scaleMax = max => (max > 0 ? max * 1.1 : 1)

define('dashboard-chart', Chart)
