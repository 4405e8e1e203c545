// @ts-check
// Creates a torrent from files: it hashes the pieces and builds the info dictionary (BEP 3), and yields to the browser in
// between. webtorrent can do this too, but opens all files at once and blocks the page. The preparation uses it.

import { timeSlicer } from '../lib/time-slice.js'

/** @typedef {import('./file-list-store.js').FileListStore} FileListStore */
/** @typedef {import('./preparation.js').Prepared} Prepared */

/** Number of pieces that are hashed at a time. */
const HASHES_MAX = 3

/**
 * Returns the concatenated hashes of all pieces.
 * @param {FileListStore} store @param {(bytes: number) => void} onHashed @param {AbortSignal} signal @returns {Promise<Uint8Array>}
 */
export async function hashPieces(store, onHashed, signal) {
  const count = Math.ceil(store.length / store.chunkLength)
  const hashes = new Uint8Array(count * 20)
  let [next, hashed] = [0, 0]
  const worker = async () => {
    while (next < count) {
      const index = next++
      signal.throwIfAborted()
      const bytes = await piece(store, index)
      hashes.set(await sha1(bytes), index * 20)
      hashed += bytes.byteLength
      onHashed(hashed)
    }
  }
  await Promise.all(Array.from({ length: HASHES_MAX }, worker))
  return hashes
}

/**
 * Returns a torrent in the form of webtorrent's parser.
 * @param {Prepared[]} files in the order of the torrent @param {string} name of the torrent @param {number} pieceLength @param {Uint8Array} hashes
 */
export async function torrentOf(files, name, pieceLength, hashes) {
  const pause = timeSlicer()
  const folder = files.every(({ path }) => path.startsWith(`${name}/`)) ? `${name}/` : ''
  const isFile = files.length === 1 && folder === ''
  const described = []
  let length = 0
  let listed = ''
  for (const { path, size } of files) {
    const parts = isFile ? [] : path.slice(folder.length).split('/')
    described.push({ path: [name, ...parts].join('/'), name: parts.at(-1) ?? name, length: size, offset: length })
    if (!isFile) listed += `d6:lengthi${size}e4:pathl${parts.map(text).join('')}ee`
    length += size
    await pause()
  }
  const what = isFile ? `6:lengthi${length}e` : `5:filesl${listed}e`
  const head = new TextEncoder().encode(
    `d${what}4:name${text(name)}12:piece lengthi${pieceLength}e6:pieces${hashes.length}:`
  )
  const infoBuffer = new Uint8Array(head.length + hashes.length + 1)
  infoBuffer.set(head)
  infoBuffer.set(hashes, head.length)
  infoBuffer[infoBuffer.length - 1] = 'e'.charCodeAt(0)
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
    pieces: Array.from({ length: hashes.length / 20 }, (_, i) => hex(hashes.subarray(i * 20, (i + 1) * 20))),
    announce: [],
    urlList: []
  }
}

/** @param {FileListStore} store @param {number} index @returns {Promise<Uint8Array>} */
const piece = (store, index) =>
  new Promise((resolve, reject) => store.get(index, null, (error, bytes) => (error ? reject(error) : resolve(bytes))))

/** @param {Uint8Array} bytes */
const sha1 = async bytes =>
  new Uint8Array(await crypto.subtle.digest('SHA-1', /** @type {Uint8Array<ArrayBuffer>} */ (bytes)))

/** @param {Uint8Array} bytes */
const hex = bytes => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')

/** Encodes a string in bencode. @param {string} value */
const text = value => `${new TextEncoder().encode(value).length}:${value}`
