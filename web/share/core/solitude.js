// @ts-check
// Asks the tracker again while nobody is connected. Two browsers whose offers cross drop each other and would meet
// again only at the next regular announce, minutes later. Knows no clock; used by transfers.

import { retryDelay } from '../lib/backoff.js'

/** A sender asks less often from the start, so that the two do not cross again. */
const SENDER_PATIENCE = 3

export class Solitude {
  #receiver
  #tracker
  #patience
  #since
  #announces = 0
  #announceAt

  /** @param {'sender' | 'receiver'} role @param {import('./tracker-link.js').TrackerLink} tracker @param {number} now milliseconds */
  constructor(role, tracker, now) {
    this.#receiver = role === 'receiver'
    this.#tracker = tracker
    this.#patience = this.#receiver ? 0 : SENDER_PATIENCE
    this.#since = now
    this.#announceAt = this.#next(now)
  }

  /** Called every half second or so. @param {number} now milliseconds @param {boolean} alone whether nobody is connected */
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

  /** How long nobody has been connected. @param {number} now milliseconds */
  seconds(now) {
    return (now - this.#since) / 1000
  }

  /** @param {number} now */
  #next(now) {
    return now + retryDelay(this.#announces + this.#patience, Math.random())
  }
}
