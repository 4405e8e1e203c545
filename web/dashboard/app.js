// @ts-check
// The state that all views share: the API, the feed, the samples of the last minutes, and the live region. It connects
// these and draws nothing itself.

import { setText } from '../common/dom.js'
import { Api } from './core/api.js'
import { Feed } from './core/feed.js'
import { openSignIn } from './elements/sign-in.js'
import { Recent } from './lib/columns.js'

/** @typedef {import('./lib/numbers.js').Series} Series */
/** @typedef {import('./core/feed.js').Stats} Stats */

/** Time range of the live charts. */
const RECENT_SECONDS = 300

export class App {
  api = new Api()
  feed = new Feed(this.api)
  recent = new Recent(RECENT_SECONDS)
  /** @type {Series[]} */
  series = []
  /** @type {Stats | null} */
  stats = null
  #liveRegion

  /** @param {HTMLElement} liveRegion whose new text screen readers read */
  constructor(liveRegion) {
    this.#liveRegion = liveRegion
    this.feed.addEventListener('stats', event => {
      const stats = /** @type {CustomEvent<Stats>} */ (event).detail
      this.stats = stats
      this.recent.push(stats)
    })
  }

  /** Makes screen readers read a text. @param {string} text */
  setLiveText(text) {
    setText(this.#liveRegion, text)
  }

  /** Discards all numbers. */
  clearStats() {
    this.stats = null
    this.recent = new Recent(RECENT_SECONDS)
    this.recent.setSeries(this.series)
  }

  signIn() {
    openSignIn(this)
  }

  /** Loads the list of series. @throws {import('./core/api.js').ApiError} */
  async loadSeries() {
    this.series = await this.api.get('series')
    this.recent.setSeries(this.series)
    return this.series
  }

  /** Returns the latest value of a gauge, or of a counter since the start of the server. @param {string} name */
  value(name) {
    return this.stats?.series[name] ?? null
  }
}
