// @ts-check
// Finds which of the files that are added to a share are new: a folder that is added again, with more in it, brings only
// what is new. The view of the session calls it before the preparation.

import { isJunk } from '../lib/names.js'

/** @typedef {import('./engine.js').Chosen} Chosen */

/** Bytes at the start and end of a file that are compared. */
const SAMPLE_BYTES = 64 * 1024

/**
 * Returns the files that are not in `shared`: those with another path, size, time, or other bytes at start or end. Two files
 * of a disk with all of that in common are the same one.
 * @param {Chosen[]} shared @param {Chosen[]} added @returns {Promise<Chosen[]>}
 */
export async function newFiles(shared, added) {
  /** @type {Map<string, Chosen[]>} */
  const known = new Map()
  for (const chosen of shared) {
    const key = keyOf(chosen)
    known.set(key, [...(known.get(key) ?? []), chosen])
  }
  const fresh = []
  for (const chosen of added) {
    // As in the preparation.
    let isKnown = isJunk(chosen.path)
    for (const { file } of known.get(keyOf(chosen)) ?? []) isKnown ||= await isSame(file, chosen.file)
    if (!isKnown) fresh.push(chosen)
  }
  return fresh
}

/** @param {Chosen} chosen */
const keyOf = ({ path }) => path.normalize('NFC')

/** @param {File} one @param {File} other */
async function isSame(one, other) {
  if (one === other) return true
  if (one.size !== other.size || one.lastModified !== other.lastModified) return false
  try {
    return (await isSameAt(one, other, 0)) && (await isSameAt(one, other, Math.max(0, one.size - SAMPLE_BYTES)))
  } catch {
    // The preparation reports a file that cannot be read.
    return false
  }
}

/** @param {File} one @param {File} other @param {number} at */
async function isSameAt(one, other, at) {
  const bytes = (/** @type {File} */ file) => file.slice(at, at + SAMPLE_BYTES).arrayBuffer()
  const [a, b] = (await Promise.all([bytes(one), bytes(other)])).map(buffer => new Uint8Array(buffer))
  return a?.byteLength === b?.byteLength && Boolean(a?.every((byte, i) => byte === b?.[i]))
}
