// @ts-check
// Prepares the chosen files for sharing: drops system files, reads the sizes, sorts, makes paths unique, and hashes the
// pieces. Thousands of files take seconds, so the work yields to the browser. The session runs it before a transfer.

import { pieceLengthFor } from '../lib/estimate.js'
import { distinct, isJunk, nameOfAll } from '../lib/names.js'
import { inNaturalOrder } from '../lib/natural-order.js'
import { timeSlicer } from '../lib/time-slice.js'
import { FileListStore } from './file-list-store.js'
import { hashPieces, torrentOf } from './torrent-info.js'

/** @typedef {import('./engine.js').Chosen} Chosen */
/** @typedef {import('./snapshot.js').Snapshot} Snapshot */
/** @typedef {{ file: File, path: string, size: number }} Prepared */
/** @typedef {{ files: Prepared[], torrent: Awaited<ReturnType<typeof torrentOf>> }} Ready */

export class Preparation {
  name
  #chosen
  #abort = new AbortController()
  #size = 0
  #hashed = 0

  /** @param {Chosen[]} chosen */
  constructor(chosen) {
    this.#chosen = chosen.filter(({ path }) => !isJunk(path))
    this.name = nameOfAll(this.#chosen.map(({ path }) => path)).normalize('NFC')
  }

  /**
   * @returns {Promise<Ready>}
   * @throws {Error} named EmptyShareError if all files are empty, AbortError after `stop`
   */
  async run() {
    const files = await this.#sort(await this.#measure())
    const pieceLength = pieceLengthFor(this.#size)
    const store = new FileListStore(
      files.map(({ file }) => file),
      pieceLength,
      () => {
        /* hashPieces throws the error */
      },
      files.map(({ size }) => size)
    )
    const hashes = await hashPieces(
      store,
      bytes => {
        this.#hashed = bytes
      },
      this.#abort.signal
    )
    const torrent = await torrentOf(files, this.name, pieceLength, hashes)
    this.#abort.signal.throwIfAborted()
    return { files, torrent }
  }

  stop() {
    this.#abort.abort()
  }

  /** Reads the sizes. @returns {Promise<Prepared[]>} */
  async #measure() {
    const pause = timeSlicer()
    const files = []
    let total = 0
    for (const { file, path } of this.#chosen) {
      const { size } = file
      total += size
      // The link must not depend on the Unicode form in which a file system stores names.
      files.push({ file, size, path: path.normalize('NFC') })
      await pause()
      this.#abort.signal.throwIfAborted()
    }
    if (total === 0) throw Object.assign(new Error('nothing to share'), { name: 'EmptyShareError' })
    this.#size = total
    return files
  }

  /** @param {Prepared[]} files @returns {Promise<Prepared[]>} in the order of the torrent, with unique paths */
  async #sort(files) {
    const pause = timeSlicer()
    const sorted = inNaturalOrder(files, ({ path }) => path)
    await pause()
    const paths = distinct(sorted.map(({ path }) => path))
    await pause()
    return sorted.map((file, i) => ({ ...file, path: paths[i] ?? file.path }))
  }

  /** @returns {Snapshot} */
  snapshot() {
    return {
      role: 'sender',
      phase: 'hashing',
      name: this.name,
      infoHash: null,
      files: [],
      size: this.#size,
      have: 0,
      hashed: this.#hashed,
      down: 0,
      up: 0,
      sent: 0,
      secondsLeft: Infinity,
      peers: [],
      failed: 0,
      failureCause: null,
      connecting: 0,
      known: null,
      aloneSeconds: 0,
      tracker: { state: 'connecting', secondsToRetry: 0, refusal: null, everOpen: false },
      error: null
    }
  }
}
