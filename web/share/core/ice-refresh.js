// @ts-check
// Asks for the ICE servers again before their credentials expire. It keeps the old servers until it has new ones. Services
// uses it.

import { retryDelay } from '../lib/backoff.js'

/** @typedef {import('./environment.js').IceSettings} IceSettings */

/** The part of the lifetime after which new credentials are requested. */
const LIFETIME_PART = 0.8
const SHORTEST_MS = 10_000
/** A timer stands still while the machine sleeps, so the clock is read at least this often. */
const CHECK_MS = 60_000

export class IceRefresh {
  #load
  #apply
  #attempts = 0
  #dueAt = 0
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer
  #isStopped = false

  /**
   * @param {() => Promise<IceSettings>} load
   * @param {(servers: RTCIceServer[]) => void} apply
   */
  constructor(load, apply) {
    this.#load = load
    this.#apply = apply
  }

  /** Plans the next request. A refusal or servers without a lifetime need none. @param {IceSettings} first the settings of the page's start */
  start(first) {
    if (first.refused) return
    this.#plan(first)
  }

  stop() {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  /** @param {IceSettings} last */
  #plan({ servers, ttl }) {
    if (this.#isStopped || (servers && !ttl)) return
    if (servers) this.#attempts = 0
    const delay = servers
      ? Math.max(SHORTEST_MS, (ttl ?? 0) * 1000 * LIFETIME_PART)
      : retryDelay(this.#attempts++, Math.random())
    this.#dueAt = Date.now() + delay
    this.#wait()
  }

  #wait() {
    const left = Math.max(0, this.#dueAt - Date.now())
    this.#timer = setTimeout(() => this.#check(), Math.min(left, CHECK_MS))
  }

  async #check() {
    if (Date.now() < this.#dueAt) {
      this.#wait()
      return
    }
    const found = await this.#load()
    if (this.#isStopped) return
    if (found.servers) this.#apply(found.servers)
    this.#plan(found)
  }
}
