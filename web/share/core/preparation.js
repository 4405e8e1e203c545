// @ts-check
// Prepares the chosen files for sharing: drops system files, reads the sizes, sorts, makes paths unique, encrypts, and
// hashes the pieces. Thousands of files take seconds, so the work yields to the browser. The session runs it before a transfer.

import { pieceLengthFor } from '../lib/estimate.js'
import { distinct, isJunk, nameOfAll } from '../lib/names.js'
import { inNaturalOrder } from '../lib/natural-order.js'
import { timeSlicer } from '../lib/time-slice.js'
import { FileListStore } from './file-list-store.js'
import { sealShare } from './sealed-share.js'
import { hashPieces, layoutOf, torrentOf } from './torrent-info.js'

/** @typedef {import('./engine.js').Chosen} Chosen */
/** @typedef {import('./snapshot.js').Snapshot} Snapshot */
/** @typedef {{ file: File, path: string, size: number }} Prepared */
/** @typedef {import('./sealed-share.js').SealOptions & { encrypt?: boolean }} ShareOptions `encrypt`: on by default */
/**
 * @typedef {object} Ready
 * @property {string} name
 * @property {(import('./torrent-info.js').Listed & { file: File })[]} files with the paths that receivers see
 * @property {Awaited<ReturnType<typeof torrentOf>>} torrent
 * @property {(onUnreadable: (error: unknown) => void) => import('./torrent-info.js').ReadableStore} openStore
 * @property {string} address what a link has in its fragment: the info-hash, and the key of an encrypted share
 * @property {number | null} expires milliseconds since 1970; null: never
 */

export class Preparation {
  name
  /** Without the files that systems create in folders. */
  chosen
  options
  #abort = new AbortController()
  #size = 0
  #hashed = 0

  /** @param {Chosen[]} chosen @param {ShareOptions} [options] */
  constructor(chosen, options = {}) {
    this.options = options
    this.chosen = chosen.filter(({ path }) => !isJunk(path))
    this.name = nameOfAll(this.chosen.map(({ path }) => path)).normalize('NFC')
  }

  /**
   * @returns {Promise<Ready>}
   * @throws {Error} named EmptyShareError if all files are empty, AbortError after `stop`
   */
  async run() {
    const { encrypt = true, ...seal } = this.options
    if (!encrypt && (seal.password || seal.lifetime)) throw new TypeError('a password or expiry needs encryption')
    const files = await this.#sort(await this.#measure())
    const onProgress = (/** @type {number} */ fraction) => {
      this.#hashed = fraction * this.#size
    }
    const ready = encrypt
      ? await sealShare(files, this.name, seal, onProgress, this.#abort.signal)
      : await this.#describe(files, onProgress)
    this.#abort.signal.throwIfAborted()
    return ready
  }

  stop() {
    this.#abort.abort()
  }

  /** Makes the torrent of a share without encryption. @param {Prepared[]} files @param {(fraction: number) => void} onProgress @returns {Promise<Ready>} */
  async #describe(files, onProgress) {
    const pieceLength = pieceLengthFor(this.#size)
    const openStore = (/** @type {(error: unknown) => void} */ onUnreadable) =>
      new FileListStore(
        files.map(({ file }) => file),
        pieceLength,
        onUnreadable,
        files.map(({ size }) => size)
      )
    const store = openStore(() => {
      /* hashPieces throws the error */
    })
    const hashes = await hashPieces(store, bytes => onProgress(bytes / store.length), this.#abort.signal)
    const listed = await layoutOf(files, this.name)
    const torrent = await torrentOf(listed, this.name, pieceLength, hashes)
    return { name: this.name, files: listed, torrent, openStore, address: torrent.infoHash, expires: null }
  }

  /** Reads the sizes. @returns {Promise<Prepared[]>} */
  async #measure() {
    const pause = timeSlicer()
    const files = []
    let total = 0
    for (const { file, path } of this.chosen) {
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
      address: null,
      isEncrypted: this.options.encrypt ?? true,
      hasPassword: Boolean(this.options.password),
      isPasswordWrong: false,
      expires: null,
      earlier: 0,
      endedEarlier: 0,
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
      tracker: {
        state: 'connecting',
        isSilent: false,
        secondsToRetry: 0,
        refusal: null,
        everOpen: false,
        cause: null,
        url: null
      },
      error: null
    }
  }
}
