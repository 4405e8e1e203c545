// @ts-check
// The feed of statistics, one sample per second: a stream of server-sent events. If the stream fails, the feed polls every
// two seconds and tries the stream again later. It reports its state and uses no elements.
//
// It does not use EventSource, which can send no token and does not report why it fails.

import { createParser } from '../../vendor/eventsource-parser/eventsource-parser.js'
import { ApiError, errorOf } from './api.js'

/** @typedef {import('../../types/api-client').Schemas['StatsResponse']} Stats */
/**
 * @typedef {{ mode: 'connecting' | 'live' | 'polling' | 'down' | 'closed', reason: string }} FeedState
 *   `closed`: the server requires the token
 */

/** The server sends one event per second. A stream without events for this time is dead. */
const SILENCE_MS = 5_000
const POLL_MS = 2_000
const POLL_MS_MAX = 10_000
/** Time between two attempts to open the stream. */
const STREAM_RETRY_MS = 10_000
/** Pause after a stream that ended without an error. */
const STREAM_PAUSE_MS = 300
/** Longest event; an event with hundreds of series has a tenth of it. */
const EVENT_CHARS_MAX = 262_144

/** Fires `stats` (detail: Stats) and `state`. */
export class Feed extends EventTarget {
  /** @type {FeedState} */
  state = { mode: 'connecting', reason: '' }
  #api
  #stop = new AbortController()
  /** Time of the last sample, by the clock of this page. @type {number | null} */
  #receivedAt = null
  /** Time of the last sample, by the clock of the server. */
  #lastAt = -1

  /** @param {import('./api.js').Api} api */
  constructor(api) {
    super()
    this.#api = api
    api.addEventListener('session', () => this.restart())
  }

  /** Seconds since the last sample; null: none yet. */
  get age() {
    return this.#receivedAt === null ? null : (performance.now() - this.#receivedAt) / 1000
  }

  /** Starts the feed, or restarts it at once. */
  restart() {
    this.#stop.abort()
    this.#stop = new AbortController()
    this.#run(this.#stop.signal)
  }

  /** @param {AbortSignal} stopped */
  async #run(stopped) {
    while (!stopped.aborted) {
      const failure = await this.#readStream(stopped)
      if (stopped.aborted) return
      if (failure === null) {
        await pause(STREAM_PAUSE_MS, stopped)
        continue
      }
      if (isDenied(failure)) return this.#setState('closed', failure.message)
      if (!(await this.#poll(stopped, reasonOf(failure)))) return
    }
  }

  /** Reads the stream to its end. Returns null if it delivered events and ended without an error. @param {AbortSignal} stopped @returns {Promise<ApiError | null>} */
  async #readStream(stopped) {
    const silence = new AbortController()
    let timer = setTimeout(() => silence.abort(), SILENCE_MS)
    let events = 0
    const parser = createParser({
      maxBufferSize: EVENT_CHARS_MAX,
      onEvent: ({ event, data }) => {
        if (event !== 'stats') return
        events++
        clearTimeout(timer)
        timer = setTimeout(() => silence.abort(), SILENCE_MS)
        this.#receive(data)
        this.#setState('live')
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
      return new ApiError(0, events > 0 && silence.signal.aborted ? 'The live feed stopped.' : '')
    } finally {
      clearTimeout(timer)
      silence.abort()
    }
  }

  /** Polls until it is time to try the stream. Returns false if the feed was stopped or access is denied. @param {AbortSignal} stopped @param {string} reason */
  async #poll(stopped, reason) {
    const until = performance.now() + STREAM_RETRY_MS
    let wait = POLL_MS
    for (;;) {
      try {
        this.#receive(await this.#api.get('stats'))
        if (stopped.aborted) return false
        this.#setState('polling', reason)
        wait = POLL_MS
      } catch (error) {
        if (stopped.aborted) return false
        const failure = /** @type {ApiError} */ (error)
        if (isDenied(failure)) {
          this.#setState('closed', failure.message)
          return false
        }
        this.#setState('down', failure.status === 0 ? '' : reasonOf(failure))
        // Without a response, the next attempt is the stream.
        if (failure.status === 0) return pause(wait, stopped)
        wait = Math.min(POLL_MS_MAX, wait * 1.5)
      }
      if (!(await pause(wait, stopped))) return false
      if (performance.now() >= until) return true
    }
  }

  /** @param {string | Stats} data */
  #receive(data) {
    let stats
    try {
      stats = /** @type {Stats} */ (typeof data === 'string' ? JSON.parse(data) : data)
    } catch {
      return
    }
    if (typeof stats?.at !== 'number' || typeof stats.series !== 'object') return
    // A repeated sample does not count as new.
    if (stats.at === this.#lastAt) return
    this.#lastAt = stats.at
    this.#receivedAt = performance.now()
    this.dispatchEvent(new CustomEvent('stats', { detail: stats }))
  }

  /** @param {FeedState['mode']} mode @param {string} [reason] */
  #setState(mode, reason = '') {
    if (this.state.mode === mode && this.state.reason === reason) return
    this.state = { mode, reason }
    this.dispatchEvent(new Event('state'))
  }
}

/** @param {ApiError} failure */
const isDenied = ({ status }) => status === 401 || status === 403

/** @param {ApiError} failure */
const reasonOf = ({ status, message }) => (status === 0 ? message : `It says: ${message}`)

/** Returns false if it was stopped. @param {number} ms @param {AbortSignal} stopped @returns {Promise<boolean>} */
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
