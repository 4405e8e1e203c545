// @ts-check
// The files a sender chose, read in place as webtorrent's chunk store: nothing is copied into the browser's
// storage, however big they are. Read only.

import { breather } from '../lib/breather.js'

/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').Done} Done */

export class FileListStore {
  #files
  #onUnreadable
  /** @type {number[]} where each file starts */
  #starts = []

  /**
   * @param {File[]} files in the order of the torrent @param {number} chunkLength
   * @param {(error: unknown) => void} onUnreadable a file was changed, moved or deleted meanwhile
   * @param {number[]} [sizes] of the files, where they are known: the browser goes to the disk for each
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
    queueMicrotask(() => done(new Error('what is shared is not written')))
  }

  /** @param {number} index @param {{ offset?: number, length?: number } | null | undefined | Done} part @param {Done} [done] @returns {void} */
  get(index, part, done = () => {}) {
    if (typeof part === 'function') return this.get(index, null, part)
    const offset = part?.offset ?? 0
    const start = index * this.chunkLength + offset
    const end = Math.min(this.length, part?.length === undefined ? (index + 1) * this.chunkLength : start + part.length)
    this.#read(start, end).then(
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

  /** @param {number} start @param {number} end */
  async #read(start, end) {
    // A piece may have thousands of files, and the browser goes to the disk for each.
    const pause = breather()
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

  /** The last file that starts at or before `position`. @param {number} position */
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
