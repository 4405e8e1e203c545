// @ts-check
// A read-only chunk store for webtorrent on the files that a sender chose. It reads the files in place and copies nothing
// into the storage of the browser.

import { timeSlicer } from '../lib/time-slice.js'

/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').Done} Done */

export class FileListStore {
  #files
  #onUnreadable
  /** The offset of each file. @type {number[]} */
  #starts = []

  /**
   * @param {File[]} files in the order of the torrent @param {number} chunkLength
   * @param {(error: unknown) => void} onUnreadable called if a file was changed, moved or deleted
   * @param {number[]} [sizes] of the files, if known; the browser accesses the disk for each size
   */
  constructor(files, chunkLength, onUnreadable, sizes = files.map(({ size }) => size)) {
    this.#files = files
    this.#onUnreadable = onUnreadable
    this.chunkLength = chunkLength
    this.length = 0
    for (const size of sizes) {
      this.#starts.push(this.length)
      this.length += size
    }
  }

  /** @param {number} _index @param {Uint8Array} _bytes @param {Done} [done] */
  put(_index, _bytes, done = () => {}) {
    queueMicrotask(() => done(new Error('the store is read-only')))
  }

  /** @param {number} index @param {{ offset?: number, length?: number } | null | undefined | Done} part @param {Done} [done] @returns {void} */
  get(index, part, done = () => {}) {
    if (typeof part === 'function') return this.get(index, null, part)
    const offset = part?.offset ?? 0
    const start = index * this.chunkLength + offset
    const end = Math.min(this.length, part?.length === undefined ? (index + 1) * this.chunkLength : start + part.length)
    this.read(start, end).then(
      bytes => queueMicrotask(() => done(null, bytes)),
      error => {
        this.#onUnreadable(error)
        queueMicrotask(() => done(error))
      }
    )
  }

  /** @param {Done} [done] */
  close(done = () => {}) {
    queueMicrotask(() => done(null))
  }

  /** @param {Done} [done] */
  destroy(done = () => {}) {
    queueMicrotask(() => done(null))
  }

  /** Returns the bytes of a range of all files. @param {number} start @param {number} end exclusive @returns {Promise<Uint8Array>} */
  async read(start, end) {
    // A piece may contain thousands of files, and the browser accesses the disk for each.
    const pause = timeSlicer()
    const parts = []
    for (let i = this.#fileAt(start); i < this.#files.length && (this.#starts[i] ?? 0) < end; i++) {
      const at = this.#starts[i] ?? 0
      parts.push(/** @type {File} */ (this.#files[i]).slice(Math.max(0, start - at), end - at))
      await pause()
    }
    const bytes = new Uint8Array(await new Blob(parts).arrayBuffer())
    if (bytes.byteLength !== end - start)
      throw Object.assign(new Error('a file has changed'), { name: 'ChangedFileError' })
    return bytes
  }

  /** Returns the last file that starts at or before `position`. @param {number} position */
  #fileAt(position) {
    let low = 0
    let high = this.#starts.length - 1
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if ((this.#starts[middle] ?? 0) <= position) low = middle
      else high = middle - 1
    }
    return low
  }
}
