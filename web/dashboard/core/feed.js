// @ts-check
// The statistics of each second: a stream of server-sent events while that works, else asked for every two seconds,
// and the stream again when it is back. Says at any time how it is. Knows no elements.
//
// Not an EventSource: that sends no token, and does not say why it fails.

import { createParser } from '../../vendor/eventsource-parser/eventsource-parser.js'
import { ApiError, errorOf } from './api.js'

/** @typedef {import('../lib/columns.js').Sample & { node?: string, version?: string, phase?: string }} Stats */
/**
 * @typedef {{ mode: 'connecting' | 'live' | 'polling' | 'down' | 'closed', reason: string }} FeedState
 *   `closed`: not for those without the token
 */

/** The server sends one event a second; a stream that is silent for so long is dead. */
const SILENT_MS = 5_000
const POLL_MS = 2_000
const POLL_SLOWEST_MS = 10_000
/** How long the stream is left alone after it failed. */
const AGAIN_MS = 10_000
/** A stream that ended well is taken up again after this. */
const PAUSE_MS = 300
/** Characters of one event: hundreds of series take a tenth of it. */
const EVENT_CHARS_MAX = 262_144

/** Fires `stats` (detail: Stats) and `state`. */
export class Feed extends EventTarget {
  /** @type {FeedState} */
  state = { mode: 'connecting', reason: '' }
  #api
  #stop = new AbortController()
  /** When the last news came, by the clock of this page. @type {number | null} */
  #heard = null
  #lastAt = -1

  /** @param {import('./api.js').Api} api */
  constructor(api) {
    super()
    this.#api = api
    api.addEventListener('session', () => this.restart())
  }

  /** Seconds since there was news; null when there never was. */
  get age() {
    return this.#heard === null ? null : (performance.now() - this.#heard) / 1000
  }

  /** Begins, or begins anew at once. */
  restart() {
    this.#stop.abort()
    this.#stop = new AbortController()
    this.#run(this.#stop.signal)
  }

  /** @param {AbortSignal} stopped */
  async #run(stopped) {
    while (!stopped.aborted) {
      const failure = await this.#follow(stopped)
      if (stopped.aborted) return
      if (failure === null) {
        await pause(PAUSE_MS, stopped)
        continue
      }
      if (failure.status === 403 || failure.status === 401) return this.#say('closed', failure.message)
      if (!(await this.#poll(stopped, reasonOf(failure)))) return
    }
  }

  /** Follows the stream to its end. Null when it ended well, after having brought something. @param {AbortSignal} stopped @returns {Promise<ApiError | null>} */
  async #follow(stopped) {
    const silence = new AbortController()
    let watch = setTimeout(() => silence.abort(), SILENT_MS)
    let events = 0
    const parser = createParser({
      maxBufferSize: EVENT_CHARS_MAX,
      onEvent: ({ event, data }) => {
        if (event !== 'stats') return
        events++
        clearTimeout(watch)
        watch = setTimeout(() => silence.abort(), SILENT_MS)
        this.#take(data)
        this.#say('live')
      },
      onError: () => silence.abort()
    })
    try {
      const response = await this.#api.stream(AbortSignal.any([stopped, silence.signal]))
      if (!response.ok || !response.body) return errorOf(response, await response.json().catch(() => null))
      const decoder = new TextDecoder()
      const reader = response.body.getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return events > 0 ? null : new ApiError(0, '')
        parser.feed(decoder.decode(value, { stream: true }))
      }
    } catch {
      return new ApiError(0, events > 0 && silence.signal.aborted ? 'The live feed fell silent.' : '')
    } finally {
      clearTimeout(watch)
      silence.abort()
    }
  }

  /** Asks again and again until it is time to try the stream. False when there is nothing to be had. @param {AbortSignal} stopped @param {string} reason */
  async #poll(stopped, reason) {
    const until = performance.now() + AGAIN_MS
    let wait = POLL_MS
    for (;;) {
      try {
        this.#take(await this.#api.get('stats'))
        if (stopped.aborted) return false
        this.#say('polling', reason)
        wait = POLL_MS
      } catch (error) {
        if (stopped.aborted) return false
        const { status, message } = /** @type {ApiError} */ (error)
        if (status === 403 || status === 401) {
          this.#say('closed', message)
          return false
        }
        this.#say('down', status === 0 ? '' : `It says: ${message}`)
        // The stream comes back with the server.
        if (status === 0) return pause(Math.min(wait, POLL_SLOWEST_MS), stopped)
        wait = Math.min(POLL_SLOWEST_MS, wait * 1.5)
      }
      if (!(await pause(wait, stopped))) return false
      if (performance.now() >= until) return true
    }
  }

  /** @param {string | Stats} news */
  #take(news) {
    let stats
    try {
      stats = /** @type {Stats} */ (typeof news === 'string' ? JSON.parse(news) : news)
    } catch {
      return
    }
    if (typeof stats?.at !== 'number' || typeof stats.series !== 'object') return
    // The same numbers again are no news.
    if (stats.at === this.#lastAt) return
    this.#lastAt = stats.at
    this.#heard = performance.now()
    this.dispatchEvent(new CustomEvent('stats', { detail: stats }))
  }

  /** @param {FeedState['mode']} mode @param {string} [reason] */
  #say(mode, reason = '') {
    if (this.state.mode === mode && this.state.reason === reason) return
    this.state = { mode, reason }
    this.dispatchEvent(new Event('state'))
  }
}

/** @param {ApiError} failure */
const reasonOf = ({ status, message }) => (status === 0 ? message : `It says: ${message}`)

/** False when it was stopped meanwhile. @param {number} ms @param {AbortSignal} stopped @returns {Promise<boolean>} */
function pause(ms, stopped) {
  return new Promise(resolve => {
    const end = () => {
      clearTimeout(timer)
      resolve(!stopped.aborted)
    }
    const timer = setTimeout(end, ms)
    stopped.addEventListener('abort', end, { once: true })
  })
}
