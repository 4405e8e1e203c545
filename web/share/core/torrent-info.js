// @ts-check
// Creates a torrent from files: it hashes the pieces and builds the info dictionary (BEP 3), and yields to the browser in
// between. webtorrent can do this too, but opens all files at once and blocks the page. The preparation uses it.

import { concatenated } from '../lib/aes128gcm.js'
import { timeSlicer } from '../lib/time-slice.js'

/** @typedef {import('./file-list-store.js').FileListStore | import('./encrypted-store.js').EncryptedStore} ReadableStore */

/** @typedef {{ path: string, size: number }} Listed a file in a torrent, with its path below the name of the share */

/** Number of pieces that are hashed at a time. */
const HASHES_MAX = 3
/** Clients refuse a longer info dictionary; the same limit is in the module ut_metadata of webtorrent. */
const INFO_BYTES_MAX = 10_000_000
/** Of SHA-1. */
export const HASH_BYTES = 20
/** The key of the encrypted index within the info dictionary. It sorts behind the keys of BEP 3. */
export const INDEX_KEY = 'x-swarmhub-index'

/**
 * Returns the concatenated hashes of all pieces.
 * @param {ReadableStore} store @param {(bytes: number) => void} onHashed @param {AbortSignal} signal @returns {Promise<Uint8Array>}
 */
export async function hashPieces(store, onHashed, signal) {
  const count = Math.ceil(store.length / store.chunkLength)
  const hashes = new Uint8Array(count * HASH_BYTES)
  let [next, hashed] = [0, 0]
  const worker = async () => {
    try {
      while (next < count) {
        const index = next++
        signal.throwIfAborted()
        const bytes = await piece(store, index)
        hashes.set(await sha1(bytes), index * HASH_BYTES)
        hashed += bytes.byteLength
        onHashed(hashed)
      }
    } catch (error) {
      // The other workers stop too.
      next = count
      throw error
    }
  }
  await Promise.all(Array.from({ length: HASHES_MAX }, worker))
  return hashes
}

/**
 * Returns files with their paths below the name of their share. A single file has the name as its path.
 * @template {Listed} F @param {F[]} files @param {string} name @returns {Promise<F[]>}
 */
export async function layoutOf(files, name) {
  const pause = timeSlicer()
  const isFolder = files.every(({ path }) => path.startsWith(`${name}/`))
  const isFile = files.length === 1 && !isFolder
  const listed = []
  for (const file of files) {
    listed.push({ ...file, path: isFile ? name : isFolder ? file.path : `${name}/${file.path}` })
    await pause()
  }
  return listed
}

/**
 * Returns a torrent in the form of webtorrent's parser.
 * @param {{ path: string, size: number }[]} files in the order of the torrent, with the paths of `layoutOf`
 * @param {string} name of the torrent @param {number} pieceLength @param {Uint8Array} hashes
 * @param {Uint8Array} [index] of an encrypted share
 * @throws {Error} named TooManyFilesError if the info dictionary is too long for other clients
 */
export async function torrentOf(files, name, pieceLength, hashes, index) {
  const pause = timeSlicer()
  const isFile = files.length === 1 && files[0]?.path === name
  const described = []
  let length = 0
  let listed = ''
  for (const { path, size } of files) {
    const parts = isFile ? [] : path.slice(name.length + 1).split('/')
    described.push({ path, name: parts.at(-1) ?? name, length: size, offset: length })
    if (!isFile) listed += `d6:lengthi${size}e4:pathl${parts.map(text).join('')}ee`
    length += size
    await pause()
  }
  const what = isFile ? `6:lengthi${length}e` : `5:filesl${listed}e`
  const head = `d${what}4:name${text(name)}12:piece lengthi${pieceLength}e6:pieces${hashes.length}:`
  const middle = index ? `${text(INDEX_KEY)}${index.length}:` : ''
  const infoBuffer = joined([head, hashes, middle, index ?? '', 'e'])
  checkInfoLength(infoBuffer.length)
  const infoHashBuffer = await sha1(infoBuffer)
  return {
    infoHash: hex(infoHashBuffer),
    infoHashBuffer,
    infoBuffer,
    // webtorrent only checks whether it exists.
    info: {},
    name,
    files: described,
    length,
    pieceLength,
    lastPieceLength: length % pieceLength || pieceLength,
    pieces: Array.from({ length: hashes.length / HASH_BYTES }, (_, i) =>
      hex(hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES))
    ),
    announce: [],
    urlList: []
  }
}

/** @param {number} bytes of an info dictionary @throws {Error} named TooManyFilesError if other clients refuse that length */
export function checkInfoLength(bytes) {
  if (bytes <= INFO_BYTES_MAX) return
  throw Object.assign(new Error(`the list of files takes ${bytes} bytes`), { name: 'TooManyFilesError' })
}

/** @param {ReadableStore} store @param {number} index @returns {Promise<Uint8Array>} */
const piece = (store, index) =>
  new Promise((resolve, reject) => store.get(index, null, (error, bytes) => (error ? reject(error) : resolve(bytes))))

/** @param {Uint8Array} bytes */
export const sha1 = async bytes =>
  new Uint8Array(await crypto.subtle.digest('SHA-1', /** @type {Uint8Array<ArrayBuffer>} */ (bytes)))

/** @param {(string | Uint8Array)[]} parts */
const joined = parts =>
  concatenated(parts.map(part => (typeof part === 'string' ? new TextEncoder().encode(part) : part)))

/** @param {Uint8Array} bytes */
const hex = bytes => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')

/** Encodes a string in bencode. @param {string} value */
const text = value => `${new TextEncoder().encode(value).length}:${value}`
