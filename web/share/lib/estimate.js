// @ts-check
// Estimates for transfers: a smoothed speed, the remaining time, and the piece length. It uses no DOM and no clock; the
// time is an argument.

/** After this time, older measurements have half their weight. */
const HALF_LIFE_MS = 3_000

/** An exponentially smoothed speed, for measurements at irregular times. */
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
 * Returns the seconds until `bytesLeft` are downloaded; Infinity at speed 0.
 * @param {number} bytesLeft @param {number} bytesPerSecond
 */
export function secondsLeft(bytesLeft, bytesPerSecond) {
  if (bytesLeft <= 0) return 0
  return bytesPerSecond > 0 ? bytesLeft / bytesPerSecond : Infinity
}

/**
 * Returns the piece length of a share: a power of two from 16 KiB to 4 MiB. About 1500 pieces make progress fine-grained
 * and keep the metadata small.
 * @param {number} bytes
 */
export function pieceLengthFor(bytes) {
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(1, bytes / 1500)))
  return Math.min(4 * 1024 * 1024, Math.max(16 * 1024, wanted))
}

/** Counts the set bits of a bitfield. @param {Uint8Array} bytes */
export function countBits(bytes) {
  let count = 0
  for (let byte of bytes) {
    for (; byte; byte &= byte - 1) count++
  }
  return count
}
