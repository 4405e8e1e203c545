// @ts-check
// Starts shares and downloads: the one place that makes a webtorrent client and says where it may look for
// others, which is the given tracker and nowhere else. Draws nothing. Used by the swarm-share element.

import WebTorrent from '../../vendor/webtorrent/webtorrent.min.js'
import { pieceLengthFor } from '../lib/estimate.js'
import { distinct, isJunk, nameOfAll } from '../lib/names.js'
import { DiskStore } from './disk-store.js'
import { FileListStore } from './file-list-store.js'
import { Transfer } from './transfer.js'

/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').ChunkStore} ChunkStore */
/** @typedef {{ file: File, path: string }} Chosen a file and its path below the folder that was chosen */

/** Pieces kept in memory per transfer; at most 4 MiB each. */
const CACHED_PIECES = 8
const READ_BYTES = 1024 * 1024

export class Engine {
  #client
  #tracker

  /** @param {{ tracker: string, iceServers: RTCIceServer[] }} options `tracker`: its WebSocket address */
  constructor ({ tracker, iceServers }) {
    this.#tracker = tracker
    this.#client = new WebTorrent({
      dht: false,
      lsd: false,
      utPex: false,
      natUpnp: false,
      natPmp: false,
      webSeeds: false,
      tracker: { rtcConfig: { iceServers } }
    })
    // What ends one transfer is told by that transfer; the client repeats it.
    this.#client.on('error', () => {})
  }

  /**
   * Hashes the files and offers them to the swarm.
   * @param {Chosen[]} chosen
   * @returns {Transfer}
   * @throws {Error} named EmptyShareError when there is not one byte
   */
  share (chosen) {
    const kept = chosen.filter(({ path }) => !isJunk(path))
    const total = kept.reduce((sum, { file }) => sum + file.size, 0)
    if (total === 0) throw Object.assign(new Error('nothing to share'), { name: 'EmptyShareError' })

    const name = nameOfAll(kept.map(({ path }) => path))
    const paths = distinct(kept.map(({ path }) => path))
    const abort = new AbortController()
    const files = kept.map(({ file }, i) => asInput(file, paths[i] ?? file.name, abort.signal))
    const pieceLength = pieceLengthFor(total)
    const store = new FileListStore(kept.map(({ file }) => file), pieceLength, error => transfer.fail(error))
    const torrent = this.#client.seed(files, {
      name,
      pieceLength,
      announce: [this.#tracker],
      preloadedStore: store,
      storeCacheSlots: CACHED_PIECES,
      filterJunkFiles: false,
      createdBy: 'swarmhub',
      onProgress: (/** @type {number} */ hashed) => transfer.onHashed(hashed)
    })
    const transfer = new Transfer(torrent, { role: 'sender', name, total })
    transfer.addEventListener('end', () => abort.abort())
    return transfer
  }

  /** Joins the swarm of a link; nothing is fetched but names and sizes until told. @param {string} infoHash */
  receive (infoHash) {
    /** @type {DiskStore | undefined} */
    let store
    const torrent = this.#client.add(infoHash, {
      announce: [this.#tracker],
      deselect: true,
      strategy: 'rarest',
      storeCacheSlots: CACHED_PIECES,
      store: function (/** @type {number} */ chunkLength, /** @type {{ length: number }} */ { length }) {
        store = transfer.store = new DiskStore(chunkLength, { length, infoHash })
        return store
      }
    })
    const transfer = new Transfer(torrent, { role: 'receiver' })
    return transfer
  }

  close () {
    if (!this.#client.destroyed) this.#client.destroy()
  }
}

/**
 * A File as webtorrent takes it: with its path, and read lazily, since it opens all files of a share at once
 * and offers no way to stop.
 * @param {File} file @param {string} path @param {AbortSignal} signal
 */
function asInput (file, path, signal) {
  const copy = new File([file], file.name, { type: file.type, lastModified: file.lastModified })
  Object.defineProperty(copy, 'fullPath', { value: path })
  Object.defineProperty(copy, 'stream', {
    value: () => lazyStream(file, signal)
  })
  return copy
}

/** @param {File} file @param {AbortSignal} signal */
function lazyStream (file, signal) {
  let at = 0
  return new ReadableStream({
    async pull (controller) {
      signal.throwIfAborted()
      const bytes = new Uint8Array(await file.slice(at, at + READ_BYTES).arrayBuffer())
      if (bytes.byteLength === 0 && at < file.size) throw Object.assign(new Error('a file has changed'), { name: 'ChangedFileError' })
      at += bytes.byteLength
      if (bytes.byteLength) controller.enqueue(bytes)
      if (at >= file.size) controller.close()
    }
  }, { highWaterMark: 0 })
}
