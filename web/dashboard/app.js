// @ts-check
// What all views share: the API, the feed of numbers, the last minutes, and the two ways to say something. Wires them;
// draws nothing itself.

import { setText } from '../share/elements/dom.js'
import { Api } from './core/api.js'
import { Feed } from './core/feed.js'
import { Recent } from './lib/columns.js'
import { openSignIn } from './elements/sign-in.js'

/** @typedef {import('./lib/numbers.js').Series} Series */
/** @typedef {import('./core/feed.js').Stats} Stats */
/** @typedef {import('../share/lib/texts.js').Notice} Notice */
/**
 * @typedef {{ element: HTMLElement, update?: () => void, open?: () => void, close?: () => void, jump?: (section: string) => void, notices?: () => Array<Notice | null> }} View
 *   `jump`: to a part of it; `notices`: what is to be said above it
 */

/** How far the live charts go back. */
const RECENT_SECONDS = 300

export class App {
  api = new Api()
  feed = new Feed(this.api)
  recent = new Recent(RECENT_SECONDS)
  /** @type {Series[]} */
  series = []
  /** @type {Stats | null} */
  stats = null
  #live

  /** @param {HTMLElement} live a live region */
  constructor (live) {
    this.#live = live
    this.feed.addEventListener('stats', event => {
      const stats = /** @type {CustomEvent<Stats>} */ (event).detail
      this.stats = stats
      this.recent.push(stats)
    })
  }

  /** Says something to those who do not see the page. @param {string} text */
  tell (text) {
    setText(this.#live, text)
  }

  /** Keeps none of the numbers. */
  forget () {
    this.stats = null
    this.recent = new Recent(RECENT_SECONDS)
    this.recent.setSeries(this.series)
  }

  signIn () {
    openSignIn(this)
  }

  /** Asks which series there are. @throws {import('./core/api.js').ApiError} */
  async loadSeries () {
    this.series = await this.api.get('series')
    this.recent.setSeries(this.series)
    return this.series
  }

  /** The latest value of a gauge, or of a counter since the start of the server. @param {string} name */
  value (name) {
    return this.stats?.series[name] ?? null
  }
}
