// @ts-check
// Guesses that are better when they remember: a speed without flicker and the time that is left. Knows no
// DOM and no clock: the time comes in. Used by transfers.

/** After this long half of what was measured before is forgotten, in milliseconds. */
const HALF_LIFE_MS = 3_000

/** A speed, smoothed exponentially over uneven steps. */
export class Smoothed {
  /** Bytes per second. */
  value = 0
  /** @type {number | null} */
  #at = null

  /** @param {number} measured bytes per second @param {number} now milliseconds */
  add(measured, now) {
    if (this.#at === null) {
      this.value = measured
    } else {
      const keep = 0.5 ** (Math.max(0, now - this.#at) / HALF_LIFE_MS)
      this.value = this.value * keep + measured * (1 - keep)
    }
    if (this.value < 1) this.value = 0
    this.#at = now
    return this.value
  }
}

/**
 * Seconds until `bytesLeft` are here; Infinity while nothing moves.
 * @param {number} bytesLeft @param {number} bytesPerSecond
 */
export function secondsLeft(bytesLeft, bytesPerSecond) {
  if (bytesLeft <= 0) return 0
  return bytesPerSecond > 0 ? bytesLeft / bytesPerSecond : Infinity
}

/**
 * The length of the pieces a share is cut into: about 1500 of them, so that progress is fine-grained and the
 * metadata small; a power of two from 16 KiB to 4 MiB.
 * @param {number} bytes
 */
export function pieceLengthFor(bytes) {
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(1, bytes / 1500)))
  return Math.min(4 * 1024 * 1024, Math.max(16 * 1024, wanted))
}

/** Set bits of a bitfield, counted by bytes. @param {Uint8Array} bytes */
export function countBits(bytes) {
  let count = 0
  for (let byte of bytes) {
    for (; byte; byte &= byte - 1) count++
  }
  return count
}
