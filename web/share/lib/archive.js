// @ts-check
// The ZIP archive that several files are saved as: names and dates that every system can unpack, its length before it is
// made, and its bytes. What client-zip leaves out is added: the 64-bit end of an archive of more than 65,535 files.
// Knows no DOM; used by saving.

import { makeZip, predictLength } from '../../vendor/client-zip/client-zip.js'
import { distinct, safePath } from './names.js'

/** @typedef {{ name: string, size: number, lastModified: Date }} Entry */

/** The number that stands for "see the 64-bit record" where files are counted. */
const COUNT_16_MAX = 65_535
const END_64_BYTES = 56
const LOCATOR_64_BYTES = 20

/**
 * @param {{ path: string, size: number }[]} files @param {number} [now] milliseconds since 1970; a clock may say anything
 * @returns {Entry[]} in the same order
 */
export function archiveEntries(files, now = Date.now()) {
  const paths = distinct(files.map(({ path }) => safePath(path)))
  const lastModified = archiveDate(now)
  return files.map(({ size }, i) => ({ name: paths[i] ?? 'file', size, lastModified }))
}

/** A date that a ZIP archive can hold, which is one of 1980 to 2107 in local time. @param {number} milliseconds since 1970 */
export function archiveDate(milliseconds) {
  const [first, last] = [new Date(1980, 0, 1), new Date(2107, 11, 31, 23, 59, 58)]
  const date = new Date(milliseconds)
  // A comparison with an invalid date is false.
  if (!(date >= first)) return first
  return date > last ? last : date
}

/** Bytes of the whole archive. @param {Entry[]} entries */
export function archiveLength(entries) {
  const length = Number(predictLength(entries))
  return length + (needs64(entries) ? END_64_BYTES + LOCATOR_64_BYTES : 0)
}

/**
 * @param {Entry[]} entries @param {(index: number) => ReadableStream<Uint8Array>} open called for each when its turn comes
 * @returns {ReadableStream<Uint8Array>}
 */
export function archiveStream(entries, open) {
  const zip = makeZip(contents(entries, open))
  return needs64(entries) ? zip.pipeThrough(withEnd64(entries.length)) : zip
}

/** @param {Entry[]} entries @param {(index: number) => ReadableStream<Uint8Array>} open */
async function* contents(entries, open) {
  for (const [i, entry] of entries.entries())
    yield { .../** @type {any} */ (entry), input: entry.size ? open(i) : new Uint8Array(0) }
}

/** Whether there are more files than client-zip counts; it writes the 64-bit end for sizes alone. @param {Entry[]} entries */
function needs64(entries) {
  if (entries.length < COUNT_16_MAX) return false
  const sizes = entries.map(({ size }) => size)
  return !sizes.some(size => size >= 0xffffffff) && predictLength(entries) < 0xffffffffn
}

/** Puts the 64-bit records before the end of an archive, which client-zip gives as the last chunk. @param {number} count */
function withEnd64(count) {
  let at = 0
  /** A file may look like the end of an archive, so only the end tells. @type {Uint8Array | null} */
  let last = null
  return new TransformStream({
    transform(/** @type {Uint8Array} */ chunk, controller) {
      if (last) {
        controller.enqueue(last)
        at += last.byteLength
      }
      last = chunk
    },
    flush(controller) {
      if (!last) return
      controller.enqueue(end64(count, new DataView(last.buffer, last.byteOffset), at))
      controller.enqueue(last)
    }
  })
}

/** Section 4.3.14 and 4.3.15 of APPNOTE.TXT. @param {number} count @param {DataView} end the 32-bit one @param {number} at where this is written */
function end64(count, end, at) {
  const view = new DataView(new ArrayBuffer(END_64_BYTES + LOCATOR_64_BYTES))
  view.setUint32(0, 0x06064b50, true)
  view.setBigUint64(4, BigInt(END_64_BYTES - 12), true)
  view.setUint16(12, 45, true)
  view.setUint16(14, 45, true)
  view.setBigUint64(24, BigInt(count), true)
  view.setBigUint64(32, BigInt(count), true)
  view.setBigUint64(40, BigInt(end.getUint32(12, true)), true)
  view.setBigUint64(48, BigInt(end.getUint32(16, true)), true)
  view.setUint32(END_64_BYTES, 0x07064b50, true)
  view.setBigUint64(END_64_BYTES + 8, BigInt(at), true)
  view.setUint32(END_64_BYTES + 16, 1, true)
  return new Uint8Array(view.buffer)
}
