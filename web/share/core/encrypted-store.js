// @ts-check
// A read-only chunk store for webtorrent that encrypts files when their pieces are read. Nothing is stored: the same piece
// is encrypted again for each peer, and always has the same bytes.
//
// A file that changes during a share must never be encrypted with the key of its old content. Browsers report most
// changes. So that the others do no harm, each piece is compared with its hash before it leaves this store.

import { concatenated, RECORD_BYTES, RECORD_CONTENT_BYTES, recordsOf, sealedLength } from '../lib/aes128gcm.js'
import { sha1 } from './torrent-info.js'

/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').Done} Done */
/** @typedef {import('../lib/aes128gcm.js').RecordCipher} RecordCipher */
/** @typedef {import('./file-list-store.js').FileListStore} FileListStore */

/** Small pieces are parts of a record, and several of them are read in sequence. */
const CACHED_RECORDS = 4

export class EncryptedStore {
  #source
  #cipher
  #contentLength
  #hashes
  #onUnreadable
  /** The records that were read last, by index. @type {Map<number, Promise<Uint8Array>>} */
  #records = new Map()

  /**
   * @param {FileListStore} source @param {RecordCipher} cipher
   * @param {{ contentLength: number, chunkLength: number, hashes?: Uint8Array, onUnreadable?: (error: unknown) => void }} options
   *   `contentLength`: of files and padding; `hashes`: of all pieces, absent while they are computed
   */
  constructor(source, cipher, { contentLength, chunkLength, hashes, onUnreadable = () => {} }) {
    this.#source = source
    this.#cipher = cipher
    this.#contentLength = contentLength
    this.#hashes = hashes
    this.#onUnreadable = onUnreadable
    this.chunkLength = chunkLength
    this.length = sealedLength(contentLength)
  }

  /** @param {number} _index @param {Uint8Array} _bytes @param {Done} [done] */
  put(_index, _bytes, done = () => {}) {
    queueMicrotask(() => done(new Error('the store is read-only')))
  }

  /** @param {number} index @param {{ offset?: number, length?: number } | null | undefined | Done} part @param {Done} [done] @returns {void} */
  get(index, part, done = () => {}) {
    if (typeof part === 'function') return this.get(index, null, part)
    const offset = part?.offset ?? 0
    this.#piece(index).then(
      bytes =>
        queueMicrotask(() => done(null, bytes.subarray(offset, offset + (part?.length ?? bytes.byteLength - offset)))),
      error => {
        this.#onUnreadable(error)
        queueMicrotask(() => done(error))
      }
    )
  }

  /** @param {Done} [done] */
  close(done = () => {}) {
    this.#records.clear()
    queueMicrotask(() => done(null))
  }

  /** @param {Done} [done] */
  destroy(done = () => {}) {
    this.close(done)
  }

  /** @param {number} index */
  async #piece(index) {
    const start = index * this.chunkLength
    const end = Math.min(this.length, start + this.chunkLength)
    const first = Math.floor(start / RECORD_BYTES)
    const last = Math.floor((end - 1) / RECORD_BYTES)
    const records = first === last ? [await this.#cached(first)] : await this.#encrypt(first, last)
    const bytes = concatenated(records).subarray(start - first * RECORD_BYTES, end - first * RECORD_BYTES)
    if (this.#hashes) {
      const expected = this.#hashes.subarray(index * 20, (index + 1) * 20)
      const actual = await sha1(bytes)
      if (actual.some((byte, i) => byte !== expected[i])) throw changed()
    }
    return bytes
  }

  /** @param {number} index of a record */
  #cached(index) {
    let record = this.#records.get(index)
    if (!record) {
      record = this.#encrypt(index, index).then(([only]) => /** @type {Uint8Array} */ (only))
      // An error is not kept.
      record.catch(() => this.#records.delete(index))
    }
    this.#records.delete(index)
    this.#records.set(index, record)
    const [oldest] = this.#records.keys()
    if (this.#records.size > CACHED_RECORDS && oldest !== undefined) this.#records.delete(oldest)
    return record
  }

  /** Reads the content of adjacent records at once and encrypts it. @param {number} first @param {number} last */
  async #encrypt(first, last) {
    const start = first * RECORD_CONTENT_BYTES
    const end = Math.min(this.#contentLength, (last + 1) * RECORD_CONTENT_BYTES)
    const bytes = new Uint8Array(end - start)
    const filesEnd = Math.min(end, this.#source.length)
    // The rest is padding, which is zeros.
    if (filesEnd > start) bytes.set(await this.#source.read(start, filesEnd))
    const final = recordsOf(0, this.#contentLength - 1).last
    return Promise.all(
      Array.from({ length: last - first + 1 }, (_, i) => {
        const part = bytes.subarray(i * RECORD_CONTENT_BYTES, (i + 1) * RECORD_CONTENT_BYTES)
        return this.#cipher.encrypt(first + i, part, first + i === final)
      })
    )
  }
}

const changed = () => Object.assign(new Error('a file has changed'), { name: 'ChangedFileError' })
