// @ts-check
// <dashboard-browser-connections>: key numbers about connections between browsers: STUN, relay, TURN credentials. It loads
// the sums of the day from the history.

import { define } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { poll } from '../core/poll.js'
import { connectionTiles, DAY_COUNTERS } from '../lib/browser-connections.js'
import { namesInHistory } from '../lib/charts.js'
import { countOfDay, growth, midnightOf, storedUntil } from '../lib/day.js'
import { card, hint } from './parts.js'
import { TileList } from './tile-list.js'

/** @typedef {import('../lib/numbers.js').Series} Series */

const HISTORY_SECONDS = 60

export class BrowserConnections extends SwarmElement {
  #app
  #tiles = new TileList()
  #card = card('Connections between browsers', hint('“Today” begins at midnight UTC.'), this.#tiles)
  /** The growth of counters on the day that begins at `midnight`. */
  #stored = { midnight: 0, counts: /** @type {Map<string, number>} */ (new Map()) }
  /** Makes the next request at once. @type {(() => void) | null} */
  #reload = null

  /** @param {import('../app.js').App} app */
  constructor(app) {
    super()
    this.#app = app
  }

  /** @override */
  build() {
    this.append(this.#card)
  }

  /** @override @param {AbortSignal} signal */
  start(signal) {
    this.#reload = poll(HISTORY_SECONDS, () => this.#load(), signal)
  }

  /** Loads the history of the series that the server has now. */
  reload() {
    this.#reload?.()
  }

  update() {
    const { stats, recent } = this.#app
    const tiles = stats
      ? connectionTiles({
          has: name => name in stats.series,
          now: name => recent.now(name),
          today: name => this.#today(name, stats)
        })
      : []
    this.hidden = tiles.length === 0
    this.#tiles.update(tiles)
  }

  /** @param {string} name @param {import('../app.js').Stats} stats */
  #today(name, { at, series }) {
    const { midnight, counts } = this.#stored
    const stored = midnight === midnightOf(at) ? counts.get(name) : undefined
    return countOfDay(series[name] ?? null, stored, { at, uptime: series.uptime ?? null })
  }

  async #load() {
    const { api, stats, series } = this.#app
    const offered = series.filter(({ name }) => DAY_COUNTERS.includes(name))
    const names = namesInHistory(
      offered.map(({ name }) => name),
      series
    )
    if (!stats || names.length === 0) return
    const midnight = midnightOf(stats.at)
    try {
      const history = await api.get('history', { query: { series: names.join(), from: midnight } })
      const moment = { at: stats.at, uptime: stats.series.uptime ?? null }
      this.#stored = { midnight, counts: growth(history, storedUntil(moment)) }
    } catch {
      // Without a history, the tiles count since the start of the server.
      return
    }
    this.update()
  }
}

define('dashboard-browser-connections', BrowserConnections)
