// @ts-check
// The choice of the range, and the charts over it: live ones from the feed, others from the history.

import { h } from '../../share/elements/dom.js'
import { watch } from '../core/watch.js'
import { chartsOf, keptOf, namesOf } from '../lib/charts.js'
import { joined } from '../lib/columns.js'
import { historyTrouble } from '../lib/texts.js'
import { RANGES, fromOf, rangeOf, refreshAfter } from '../lib/times.js'
import { Chart } from './chart.js'
import { onScheme } from './palette.js'
import { hint } from './parts.js'

/** @typedef {import('../lib/columns.js').Columns} Columns */

const LIVE = /** @type {import('../lib/times.js').Range} */ (RANGES[0])
const RANGE = 'swarmhub-range'

export class Charts {
  /** @type {HTMLElement} */
  element
  #app
  /** @type {Chart[]} */
  #charts = []
  /** What they show, in the same order. @type {import('../lib/charts.js').Chart[]} */
  #plans = []
  /** @type {string[]} */
  #names = []
  /** Those of them that the history has. @type {string[]} */
  #kept = []
  #grid = h('div', { class: 'charts' })
  #trouble = hint('', { class: 'hint message bad', role: 'status' })
  #range = rangeOf(remembered())
  /** What was before the first live sample. @type {Columns | null} */
  #before = null
  /** @type {ReturnType<typeof watch> | null} */
  #asking = null
  #step = 10

  /** @param {import('../app.js').App} app */
  constructor (app) {
    this.#app = app
    const options = RANGES.map(({ id, label, name }) => h('label', { class: 'range' },
      h('input', { type: 'radio', name: 'range', value: id, checked: id === this.#range.id, 'aria-label': name, onchange: () => this.#choose(id) }),
      h('span', {}, label)))
    this.element = h('section', { class: 'charts-part', 'aria-label': 'Charts' },
      h('h2', { class: 'visually-hidden' }, 'Charts'),
      h('fieldset', { class: 'ranges' }, h('legend', { class: 'visually-hidden' }, 'Time range of the charts'), ...options),
      this.#trouble, this.#grid)
    onScheme(() => this.#charts.forEach(chart => chart.redraw()))
  }

  /** The server said which series it has. @param {import('../lib/numbers.js').Series[]} series */
  setSeries (series) {
    const plans = this.#plans = chartsOf(series)
    this.#names = namesOf(plans)
    this.#kept = keptOf(this.#names, series)
    this.#charts = plans.map(plan => new Chart(plan, text => this.#app.tell(text)))
    this.#grid.replaceChildren(...this.#charts.map(({ element }) => element))
    this.#hideMissing()
    this.#load()
  }

  /** New numbers came. */
  update () {
    this.#hideMissing()
    if (this.#range === LIVE) this.#drawLive()
  }

  /** Of what the server does not tell there is no chart: without the token it may tell less. */
  #hideMissing () {
    const told = this.#app.stats?.series
    this.#plans.forEach((plan, i) => {
      const chart = this.#charts[i]
      if (chart) chart.element.hidden = told !== undefined && !namesOf([plan]).some(name => name in told)
    })
  }

  /** Nobody looks any more. */
  close () {
    this.#asking?.end()
    this.#asking = null
  }

  /** Somebody looks again. */
  open () {
    if (this.#charts.length > 0) this.#load()
  }

  /** @param {string} id */
  #choose (id) {
    this.#range = rangeOf(id)
    try {
      sessionStorage.setItem(RANGE, id)
    } catch {
      // It is chosen for as long as the page is open.
    }
    this.#load()
  }

  #load () {
    this.close()
    this.#trouble.textContent = ''
    const range = this.#range
    if (range === LIVE) {
      this.#drawLive()
      if (!this.#before) this.#fetch(range).catch(() => {})
      return
    }
    this.#grid.setAttribute('aria-busy', 'true')
    this.#watch(range)
  }

  /** @param {import('../lib/times.js').Range} range */
  #watch (range) {
    const own = this.#asking = watch(refreshAfter(this.#step), async () => {
      const step = this.#step
      try {
        await this.#fetch(range)
        this.#trouble.textContent = ''
      } catch (error) {
        if (this.#asking === own) this.#fail(error, range)
      }
      if (this.#asking !== own) return
      this.#grid.removeAttribute('aria-busy')
      if (refreshAfter(this.#step) === refreshAfter(step)) return
      own.end()
      setTimeout(() => this.#asking === own && this.#watch(range), refreshAfter(this.#step) * 1000)
    })
  }

  /** @param {import('../lib/times.js').Range} range */
  async #fetch (range) {
    const columns = /** @type {Columns} */ (await this.#app.api.get(`history?series=${this.#kept.join()}&from=${fromOf(range)}`))
    if (range !== this.#range) return
    if (range === LIVE) {
      this.#before = columns
      this.#drawLive()
      return
    }
    this.#step = columns.step
    for (const chart of this.#charts) chart.update(columns, range)
  }

  /** What is shown of the range stays; of another one nothing may. @param {unknown} error @param {import('../lib/times.js').Range} range */
  #fail (error, range) {
    this.#trouble.textContent = historyTrouble(error)
    for (const chart of this.#charts) if (chart.shows !== range.name) chart.clear(range, 'Not known.')
  }

  #drawLive () {
    const columns = joined(this.#before, this.#app.recent.columns(this.#names))
    for (const chart of this.#charts) chart.update(columns, LIVE)
  }
}

function remembered () {
  try {
    return sessionStorage.getItem(RANGE)
  } catch {
    return null
  }
}
