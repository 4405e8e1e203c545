// @ts-check
// Announces again while no peer is connected. Two browsers whose offers cross drop both connections, and the next regular
// announce is minutes away. It has no clock. Transfers use it.

import { retryDelay } from '../lib/backoff.js'

/** A sender starts with a longer delay, so that both do not cross again. */
const SENDER_ATTEMPT = 3

export class Reannouncer {
  #receiver
  #tracker
  #firstAttempt
  #since
  #announces = 0
  #announceAt

  /** @param {'sender' | 'receiver'} role @param {import('./tracker-link.js').TrackerLink} tracker @param {number} now milliseconds */
  constructor(role, tracker, now) {
    this.#receiver = role === 'receiver'
    this.#tracker = tracker
    this.#firstAttempt = this.#receiver ? 0 : SENDER_ATTEMPT
    this.#since = now
    this.#announceAt = this.#next(now)
  }

  /** Called about twice a second. @param {number} now milliseconds @param {boolean} alone whether no peer is connected */
  tick(now, alone) {
    if (!alone) {
      this.#since = now
      this.#announces = 0
      this.#announceAt = this.#next(now)
    } else if (now >= this.#announceAt) {
      if (this.#receiver || (this.#tracker.known ?? 0) > 0) this.#tracker.announce()
      this.#announces++
      this.#announceAt = this.#next(now)
    }
  }

  /** Returns the time without a connected peer. @param {number} now milliseconds */
  seconds(now) {
    return (now - this.#since) / 1000
  }

  /** @param {number} now */
  #next(now) {
    return now + retryDelay(this.#announces + this.#firstAttempt, Math.random())
  }
}
