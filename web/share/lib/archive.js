// @ts-check
// Creates the ZIP archive for several files: names and dates that every system can unpack, the length in advance, and the
// bytes. It adds the 64-bit end for more than 65,535 files, which client-zip lacks. It uses no DOM. Saving uses it.

import { makeZip, predictLength } from '../../vendor/client-zip/client-zip.js'
import { distinct, safePath } from './names.js'

/** @typedef {{ name: string, size: number, lastModified: Date }} Entry */

/** This file count means "see the 64-bit record". */
const COUNT_16_MAX = 65_535
const END_64_BYTES = 56
const LOCATOR_64_BYTES = 20

/**
 * @param {{ path: string, size: number }[]} files @param {number} [now] milliseconds since 1970; a clock may be wrong
 * @returns {Entry[]} in the same order
 */
export function archiveEntries(files, now = Date.now()) {
  const paths = distinct(files.map(({ path }) => safePath(path)))
  const lastModified = archiveDate(now)
  return files.map(({ size }, i) => ({ name: paths[i] ?? 'file', size, lastModified }))
}

/** Limits a date to what a ZIP archive can hold: 1980 to 2107 in local time. @param {number} milliseconds since 1970 */
export function archiveDate(milliseconds) {
  const [first, last] = [new Date(1980, 0, 1), new Date(2107, 11, 31, 23, 59, 58)]
  const date = new Date(milliseconds)
  // A comparison with an invalid date is false.
  if (!(date >= first)) return first
  return date > last ? last : date
}

/** Returns the length of the archive in bytes. @param {Entry[]} entries */
export function archiveLength(entries) {
  const length = Number(predictLength(entries))
  return length + (needs64(entries) ? END_64_BYTES + LOCATOR_64_BYTES : 0)
}

/**
 * @param {Entry[]} entries @param {(index: number) => ReadableStream<Uint8Array>} open called for each file in sequence
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

/** Whether the file count needs a 64-bit end. client-zip writes one only for sizes. @param {Entry[]} entries */
function needs64(entries) {
  if (entries.length < COUNT_16_MAX) return false
  const sizes = entries.map(({ size }) => size)
  return !sizes.some(size => size >= 0xffffffff) && predictLength(entries) < 0xffffffffn
}

/** Inserts the 64-bit records before the end of an archive, which is client-zip's last chunk. @param {number} count */
function withEnd64(count) {
  let at = 0
  /** The chunk before the current one. A file can contain the signature of the end, so only the stream's end is certain. @type {Uint8Array | null} */
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

/** Returns the records of sections 4.3.14 and 4.3.15 of APPNOTE.TXT. @param {number} count @param {DataView} end the 32-bit record @param {number} at offset of the result */
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
