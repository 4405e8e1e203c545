// @ts-check
// Describes files as a torrent: hashes their pieces and makes the info dictionary (BEP 3), in parts, so that the page goes
// on answering. webtorrent would do it too, but opens every file at once and describes ten thousand of them in one go.
// Used by the preparation.

import { breather } from '../lib/breather.js'

/** @typedef {import('./file-list-store.js').FileListStore} FileListStore */
/** @typedef {import('./preparation.js').Prepared} Prepared */

/** Pieces that are read and hashed at a time. */
const HASHES_MAX = 3

/**
 * The hashes of all pieces, one after the other.
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
 * A torrent as webtorrent's parser describes one.
 * @param {Prepared[]} files in their order @param {string} name of all together @param {number} pieceLength @param {Uint8Array} hashes
 */
export async function torrentOf(files, name, pieceLength, hashes) {
  const pause = breather()
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
    // webtorrent only asks whether there is one.
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

/** A string in bencode. @param {string} value */
const text = value => `${new TextEncoder().encode(value).length}:${value}`
