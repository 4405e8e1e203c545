// @ts-check
// Gets ready what somebody chose to share: leaves out what nobody means to share, sorts it, gives each file a path of its
// own, asks for its size, for which the browser goes to the disk, and hashes it. Thousands of files take seconds, so it works
// in parts. Used by the session, which has no transfer until this is done.

import { breather } from '../lib/breather.js'
import { pieceLengthFor } from '../lib/estimate.js'
import { distinct, isJunk, nameOfAll } from '../lib/names.js'
import { inNaturalOrder } from '../lib/natural-order.js'
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
   * @throws {Error} named EmptyShareError when there is not one byte, AbortError when it was stopped
   */
  async run() {
    const files = await this.#sort(await this.#measure())
    const pieceLength = pieceLengthFor(this.#size)
    const store = new FileListStore(
      files.map(({ file }) => file),
      pieceLength,
      () => {
        /* told by the hashing */
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

  /** @returns {Promise<Prepared[]>} as they were chosen */
  async #measure() {
    const pause = breather()
    const files = []
    let total = 0
    for (const { file, path } of this.#chosen) {
      const { size } = file
      total += size
      // The form of Unicode that a disk keeps names in must not change the link.
      files.push({ file, size, path: path.normalize('NFC') })
      await pause()
      this.#abort.signal.throwIfAborted()
    }
    if (total === 0) throw Object.assign(new Error('nothing to share'), { name: 'EmptyShareError' })
    this.#size = total
    return files
  }

  /** @param {Prepared[]} files @returns {Promise<Prepared[]>} in the order of the torrent, none twice */
  async #sort(files) {
    const pause = breather()
    const sorted = inNaturalOrder(files, ({ path }) => path)
    await pause()
    const paths = distinct(sorted.map(({ path }) => path))
    await pause()
    return sorted.map((one, i) => ({ ...one, path: paths[i] ?? one.path }))
  }

  /** @returns {Snapshot} that of a transfer of which nothing is known yet */
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
      connecting: 0,
      known: null,
      aloneSeconds: 0,
      tracker: { state: 'connecting', secondsToRetry: 0, refusal: null, everOpen: false },
      error: null
    }
  }
}
