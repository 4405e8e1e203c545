// @ts-check
// The files of a torrent as the page shows and reads them. In a plain torrent they are those of webtorrent. An encrypted
// torrent has one file of ciphertext, and these are the files within. Transfers use them.

import { RECORD_BYTES, recordsOf, sealedLength } from '../lib/aes128gcm.js'
import { paddedSize } from '../lib/share-index.js'
import { readThrough } from './piece-reader.js'
import { decrypted } from './record-reader.js'

/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').Torrent} Torrent */
/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').TorrentFile} TorrentFile */
/** @typedef {import('../lib/aes128gcm.js').RecordCipher} RecordCipher */
/** @typedef {import('./piece-window.js').PieceWindow} PieceWindow */
/** @typedef {{ offset: number, length: number }} Span bytes of the torrent */

/**
 * @typedef {object} ContentFile
 * @property {string} name @property {string} path @property {number} length
 * @property {boolean} done @property {number} downloaded bytes, also of incomplete pieces
 * @property {Span} span where it is in the torrent
 * @property {(range: { start: number, end: number }, window: PieceWindow | null) => ReadableStream<Uint8Array>} read the range
 *   is inclusive
 *
 * @typedef {object} Contents
 * @property {string} name @property {ContentFile[]} files
 * @property {number | null} expires milliseconds since 1970; null: never
 */

/** Returns the files of a plain torrent; null: its pieces contradict its files. @param {Torrent} torrent @returns {Contents | null} */
export function plainContents(torrent) {
  const { name, files } = torrent
  const isValid = files.every(({ length }) => Number.isSafeInteger(length) && length >= 0)
  const length = files.reduce((sum, file) => sum + file.length, 0)
  if (!isValid || !hasPiecesFor(torrent, length)) return null
  return { name, files: files.map(file => new PlainFile(torrent, file)), expires: null }
}

/**
 * Whether a torrent has exactly the pieces of this length. The parser does not check it, and the number of pieces that a
 * length promises can be far greater than that of the hashes.
 * @param {Torrent} torrent @param {number} length
 */
const hasPiecesFor = ({ pieceLength, pieces }, length) =>
  Number.isSafeInteger(length) &&
  Number.isSafeInteger(pieceLength) &&
  pieceLength > 0 &&
  pieces.length === Math.ceil(length / pieceLength)

/**
 * Returns the files that the sender of a share chose.
 * @param {{ name: string, files: { path: string, size: number, file: File }[] }} share @param {number | null} expires @returns {Contents}
 */
export const sentContents = ({ name, files }, expires) => ({
  name,
  files: files.map(({ path, size, file }) => ({
    name: baseName(path),
    path,
    length: size,
    done: true,
    downloaded: size,
    span: { offset: 0, length: 0 },
    read: ({ start, end }) => file.slice(start, end + 1).stream()
  })),
  expires
})

/**
 * Returns the files of an index that was checked.
 * @param {Torrent} torrent @param {import('../lib/share-index.js').ShareIndex} index @param {RecordCipher} cipher
 * @returns {Contents | null} null: the torrent has another length than the index says, or other pieces
 */
export function sealedContents(torrent, { name, files, expires }, cipher) {
  const contentLength = paddedSize(files)
  const [only] = torrent.files
  if (!only || torrent.files.length > 1 || only.length !== sealedLength(contentLength)) return null
  if (!hasPiecesFor(torrent, only.length)) return null
  let offset = 0
  const sealed = files.map(({ path, size }) => {
    const file = new SealedFile(torrent, { path, offset, length: size }, contentLength, cipher)
    offset += size
    return file
  })
  return { name, files: sealed, expires }
}

/** @implements {ContentFile} */
class PlainFile {
  #torrent
  #file

  /** @param {Torrent} torrent @param {TorrentFile} file */
  constructor(torrent, file) {
    this.#torrent = torrent
    this.#file = file
    this.name = file.name
    this.path = file.path
    this.length = file.length
    this.span = { offset: file.offset, length: file.length }
  }
  get done() {
    return this.#file.done
  }
  get downloaded() {
    return this.#file.downloaded ?? 0
  }
  /** @type {ContentFile['read']} */
  read(range, window) {
    return readThrough(this.#file, range, this.#torrent.pieceLength, window)
  }
}

/** @implements {ContentFile} */
class SealedFile {
  #torrent
  #cipher
  #offset
  #finalRecord
  #isDone = false

  /** @param {Torrent} torrent @param {{ path: string, offset: number, length: number }} file @param {number} contentLength @param {RecordCipher} cipher */
  constructor(torrent, { path, offset, length }, contentLength, cipher) {
    this.#torrent = torrent
    this.#cipher = cipher
    this.#offset = offset
    this.#finalRecord = recordsOf(0, contentLength - 1).last
    this.path = path
    this.name = baseName(path)
    this.length = length
    this.span = length ? this.#spanOf(offset, offset + length - 1) : { offset: 0, length: 0 }
  }

  get done() {
    if (this.#isDone) return true
    for (const index of this.#pieces()) if (!this.#torrent.bitfield.get(index)) return false
    this.#isDone = true
    return true
  }

  get downloaded() {
    if (this.done) return this.length
    const { pieces, pieceLength, bitfield } = this.#torrent
    const end = this.span.offset + this.span.length
    let have = 0
    for (const index of this.#pieces()) {
      const piece = pieces[index]
      const within = Math.min(end, (index + 1) * pieceLength) - Math.max(this.span.offset, index * pieceLength)
      if (bitfield.get(index)) have += within
      else if (piece) have += within * (1 - piece.missing / piece.length)
    }
    return Math.floor((have / this.span.length) * this.length)
  }

  /** @type {ContentFile['read']} */
  read({ start, end }, window) {
    const [from, to] = [this.#offset + start, this.#offset + end]
    const { offset, length } = this.#spanOf(from, to)
    const file = /** @type {TorrentFile} */ (this.#torrent.files[0])
    const source = readThrough(file, { start: offset, end: offset + length - 1 }, this.#torrent.pieceLength, window)
    return decrypted(source, this.#cipher, { start: from, end: to, finalRecord: this.#finalRecord })
  }

  /** Returns the records of a range of the content. @param {number} start @param {number} end inclusive @returns {Span} */
  #spanOf(start, end) {
    const { first, last } = recordsOf(start, end)
    const total = /** @type {TorrentFile} */ (this.#torrent.files[0]).length
    return { offset: first * RECORD_BYTES, length: Math.min(total, (last + 1) * RECORD_BYTES) - first * RECORD_BYTES }
  }

  /** The pieces of the ciphertext. */
  *#pieces() {
    const { offset, length } = this.span
    if (length === 0) return
    const first = Math.floor(offset / this.#torrent.pieceLength)
    const last = Math.floor((offset + length - 1) / this.#torrent.pieceLength)
    for (let index = first; index <= last; index++) yield index
  }
}

/** @param {string} path */
const baseName = path => path.slice(path.lastIndexOf('/') + 1)
