// @ts-check
// <dashboard-charts>: the choice of a time range and the charts of that range. The live range comes from the feed, the
// others come from the history.

import { define, h } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { poll } from '../core/poll.js'
import { chartsOf, namesInHistory, namesOf } from '../lib/charts.js'
import { joined } from '../lib/columns.js'
import { historyErrorText } from '../lib/texts.js'
import { fromOf, LIVE, RANGES, rangeOf, refreshAfter } from '../lib/times.js'
import { Chart } from './chart.js'
import { onColourSchemeChange } from './palette.js'
import { hint } from './parts.js'

/** @typedef {import('../lib/columns.js').Columns} Columns */
/** @typedef {import('../lib/times.js').Range} Range */

const STORAGE_KEY = 'swarmhub-range'

export class Charts extends SwarmElement {
  #app
  /** @type {Array<{ plan: import('../lib/charts.js').Chart, chart: Chart }>} */
  #charts = []
  /** The series of all charts. @type {string[]} */
  #names = []
  #grid = h('div', { class: 'charts' })
  #error = hint('', { class: 'hint message bad', role: 'status' })
  #range = rangeOf(storedRange())
  /** The history before the first live sample. @type {Columns | null} */
  #before = null
  /** Ends the requests for the current range. */
  #polling = new AbortController()
  /** Seconds between two points of the current range. */
  #step = 10

  /** @param {import('../app.js').App} app */
  constructor(app) {
    super()
    this.#app = app
  }

  /** @override */
  build() {
    const options = RANGES.map(({ id, label, name }) =>
      h(
        'label',
        { class: 'range' },
        h('input', {
          type: 'radio',
          name: 'range',
          value: id,
          checked: id === this.#range.id,
          'aria-label': name,
          onchange: () => this.#choose(id)
        }),
        h('span', {}, label)
      )
    )
    this.append(
      h(
        'section',
        { class: 'charts-part', 'aria-label': 'Charts' },
        h('h2', { class: 'visually-hidden' }, 'Charts'),
        h(
          'fieldset',
          { class: 'ranges' },
          h('legend', { class: 'visually-hidden' }, 'Time range of the charts'),
          ...options
        ),
        this.#error,
        this.#grid
      )
    )
  }

  /** @override @param {AbortSignal} signal */
  start(signal) {
    onColourSchemeChange(() => {
      for (const { chart } of this.#charts) chart.redraw()
    }, signal)
    signal.addEventListener('abort', () => this.#polling.abort())
    if (this.#charts.length > 0) this.#load()
  }

  /** Creates the charts of the series that the server has. @param {import('../lib/numbers.js').Series[]} series */
  setSeries(series) {
    const plans = chartsOf(series)
    this.#charts = plans.map(plan => ({ plan, chart: new Chart(plan) }))
    this.#names = namesOf(plans)
    this.#grid.replaceChildren(...this.#charts.map(({ chart }) => chart))
    this.#hideWithheld()
    if (this.isConnected) this.#load()
  }

  /** Draws new live numbers. */
  update() {
    this.#hideWithheld()
    if (this.#range === LIVE) this.#drawLive()
  }

  /** Hides the charts of series that the server withholds without the token, or that it does not have now. */
  #hideWithheld() {
    const series = this.#app.stats?.series
    for (const { plan, chart } of this.#charts)
      chart.hidden =
        series !== undefined &&
        (!namesOf([plan]).some(name => name in series) || (plan.needs !== '' && series[plan.needs] === null))
  }

  /** @param {string} id of the range */
  #choose(id) {
    this.#range = rangeOf(id)
    try {
      sessionStorage.setItem(STORAGE_KEY, id)
    } catch {
      // Without storage, the choice lasts until the page closes.
    }
    this.#load()
  }

  #load() {
    this.#polling.abort()
    this.#polling = new AbortController()
    this.#error.textContent = ''
    const range = this.#range
    this.#grid.toggleAttribute('aria-busy', false)
    if (range === LIVE) {
      this.#drawLive()
      if (!this.#before) this.#fetch(range).catch(() => {})
      return
    }
    this.#grid.setAttribute('aria-busy', 'true')
    const { signal } = this.#polling
    poll(
      () => refreshAfter(this.#step),
      () => this.#refresh(range, signal),
      signal
    )
  }

  /** @param {Range} range @param {AbortSignal} signal */
  async #refresh(range, signal) {
    try {
      await this.#fetch(range)
      if (signal.aborted) return
      this.#error.textContent = ''
    } catch (error) {
      if (signal.aborted) return
      this.#showError(error, range)
    }
    this.#grid.removeAttribute('aria-busy')
  }

  /** @param {Range} range */
  async #fetch(range) {
    const names = namesInHistory(this.#names, this.#app.series)
    const columns = await this.#app.api.get('history', { query: { series: names.join(), from: fromOf(range) } })
    if (range !== this.#range) return
    if (range === LIVE) {
      this.#before = columns
      this.#drawLive()
      return
    }
    this.#step = columns.step
    for (const { chart } of this.#charts) chart.update(columns, range)
  }

  /** Charts keep older data of the same range, but no data of another one. @param {unknown} error @param {Range} range */
  #showError(error, range) {
    this.#error.textContent = historyErrorText(error)
    for (const { chart } of this.#charts) if (chart.shownRange !== range.name) chart.clear(range, 'Not known.')
  }

  #drawLive() {
    const columns = joined(this.#before, this.#app.recent.columns(this.#names))
    for (const { chart } of this.#charts) chart.update(columns, LIVE)
  }
}

function storedRange() {
  try {
    return sessionStorage.getItem(STORAGE_KEY)
  } catch {
    return null
  }
}

define('dashboard-charts', Charts)
