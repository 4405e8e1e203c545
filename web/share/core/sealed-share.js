// @ts-check
// Makes the encrypted torrent of a share: its key, its index, and one file of ciphertext. The preparation uses it.
//
// AES-GCM fails completely if one key encrypts two different contents with the same nonce. So each share has a new random
// key and new salts. One exception: the same choice of files gets the key of its last share again, and so the same link.
// Equal names, sizes and times do not prove equal contents. So nothing is published unless the info-hash, which covers
// every byte of index and content, equals that of the last share; otherwise the share gets a new key and is hashed again.
//
// A share to which files are added gets a new key too, not only new salts. So who has the earlier link cannot open what was
// added later, although the info-hash of the new share is known to the tracker and to peers.

import { encryptMessage, RecordCipher } from '../lib/aes128gcm.js'
import { pieceLengthFor } from '../lib/estimate.js'
import { encodeIndex, FILES_MAX, paddedSize } from '../lib/share-index.js'
import { randomBytes, toBase64Url, withPassword } from '../lib/share-key.js'
import { timeSlicer } from '../lib/time-slice.js'
import { EncryptedStore } from './encrypted-store.js'
import { FileListStore } from './file-list-store.js'
import { findPastShare, rememberShare } from './past-shares.js'
import { failure } from './share-lock.js'
import { checkInfoLength, HASH_BYTES, hashPieces, layoutOf, torrentOf } from './torrent-info.js'

/** @typedef {import('./preparation.js').Prepared} Prepared */
/** @typedef {import('./preparation.js').Ready} Ready */
/** @typedef {{ key: Uint8Array, indexSalt: Uint8Array, contentSalt: Uint8Array, expires: number | null }} Secrets */
/**
 * @typedef {object} SealOptions
 * @property {string} [password] @property {number | null} [lifetime] milliseconds until the share expires; null: never
 * @property {number | null} [expires] when it expires, in milliseconds since 1970, if that is known before; else `lifetime` sets it
 * @property {boolean} [hasNewLink] whether the share gets a new key although the same files were shared before
 */

/** The name of every encrypted torrent and its file. */
const NEUTRAL_NAME = 'encrypted'

/**
 * @param {Prepared[]} files in the order of the share @param {string} name
 * @param {SealOptions} options @param {(fraction: number) => void} onProgress @param {AbortSignal} signal
 * @returns {Promise<Ready>}
 * @throws {Error} named TooManyFilesError
 */
export async function sealShare(
  files,
  name,
  { password = '', lifetime = null, expires, hasNewLink = false },
  onProgress,
  signal
) {
  if (files.length > FILES_MAX) throw failure('TooManyFilesError', `these are ${files.length} files`)
  const listed = await layoutOf(files, name)
  const id = await choiceId(files, [name, password !== '', lifetime])
  const attempt = (/** @type {Secrets} */ secrets) =>
    seal(files, { name, files: listed }, secrets, password, onProgress, signal)
  const past = hasNewLink ? null : await findPastShare(id)
  const fits = past && (expires === undefined ? isReusable(past, lifetime, Date.now()) : past.expires === expires)
  if (past && fits) {
    const again = await attempt(past)
    if (again.torrent.infoHash === past.infoHash) {
      await rememberShare(past)
      return again
    }
  }
  const secrets = {
    key: randomBytes(),
    indexSalt: randomBytes(),
    contentSalt: randomBytes(),
    expires: expires !== undefined ? expires : lifetime === null ? null : Math.round(Date.now() + lifetime)
  }
  const ready = await attempt(secrets)
  signal.throwIfAborted()
  await rememberShare({ id, ...secrets, infoHash: ready.torrent.infoHash })
  return ready
}

/**
 * Whether a share that is made again may expire when the last one does. Who sets an hour does not expect that only minutes
 * are left, or, after a correction of the clock, more than an hour.
 * @param {{ expires: number | null, usedAt: number }} past @param {number | null} lifetime @param {number} now
 */
export function isReusable({ expires, usedAt }, lifetime, now) {
  if (usedAt > now) return false
  if (expires === null || lifetime === null) return expires === lifetime
  return expires >= now + lifetime / 2 && expires <= now + lifetime
}

/**
 * @param {Prepared[]} files @param {{ name: string, files: Prepared[] }} described `files` with the paths that receivers see
 * @param {Secrets} secrets @param {string} password @param {(fraction: number) => void} onProgress @param {AbortSignal} signal
 * @returns {Promise<Ready>}
 */
async function seal(files, described, { key, indexSalt, contentSalt, expires }, password, onProgress, signal) {
  const secret = password ? await withPassword(key, password) : key
  const index = await encryptMessage(secret, indexSalt, encodeIndex({ ...described, salt: contentSalt, expires }))
  const cipher = await RecordCipher.derive(secret, contentSalt)
  const contentLength = paddedSize(files)
  const chunkLength = pieceLengthFor(contentLength)
  const open = (/** @type {Uint8Array | undefined} */ hashes, /** @type {(error: unknown) => void} */ onUnreadable) => {
    const source = new FileListStore(
      files.map(({ file }) => file),
      chunkLength,
      onUnreadable,
      files.map(({ size }) => size)
    )
    return new EncryptedStore(source, cipher, { contentLength, chunkLength, hashes, onUnreadable })
  }
  const store = open(undefined, () => {
    /* hashPieces throws the error */
  })
  // Before all files are read, which may take minutes.
  checkInfoLength(index.byteLength + HASH_BYTES * Math.ceil(store.length / chunkLength))
  const hashes = await hashPieces(store, bytes => onProgress(bytes / store.length), signal)
  const torrent = await torrentOf(
    [{ path: NEUTRAL_NAME, size: store.length }],
    NEUTRAL_NAME,
    chunkLength,
    hashes,
    index
  )
  return {
    ...described,
    torrent,
    openStore: onUnreadable => open(hashes, onUnreadable),
    expires,
    address: `${torrent.infoHash}.${toBase64Url(key)}${password ? 'p' : ''}`
  }
}

/**
 * Returns a digest of what the user chose. A file that was saved again has another time, so its share has another key.
 * @param {Prepared[]} files @param {unknown[]} options
 */
async function choiceId(files, options) {
  const pause = timeSlicer()
  const facts = []
  for (const { path, size, file } of files) {
    facts.push([path, size, file.lastModified])
    await pause()
  }
  const text = new TextEncoder().encode(JSON.stringify([options, facts]))
  return toBase64Url(new Uint8Array(await crypto.subtle.digest('SHA-256', text)))
}
