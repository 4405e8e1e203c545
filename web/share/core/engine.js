// @ts-check
// Starts shares and downloads: the one place that makes a webtorrent client and says where it may look for
// others, which is the given tracker and nowhere else. Draws nothing. Used by the swarm-share element.

import WebTorrent from '../../vendor/webtorrent/webtorrent.min.js'
import { DiskStore } from './disk-store.js'
import { FileListStore } from './file-list-store.js'
import { spareMetadata } from './metadata.js'
import { Transfer } from './transfer.js'

/** @typedef {import('./preparation.js').Ready} Ready */
/** @typedef {{ file: File, path: string }} Chosen a file and its path below the folder that was chosen */

/** Pieces kept in memory per transfer; at most 4 MiB each. */
const CACHED_PIECES = 8

export class Engine {
  #client
  #tracker

  /** @param {{ tracker: string, iceServers: RTCIceServer[] }} options `tracker`: its WebSocket address */
  constructor({ tracker, iceServers }) {
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

  /** Offers files to the swarm. @param {Ready} ready @returns {Transfer} */
  share({ files, torrent: described }) {
    const { name, length, pieceLength } = described
    const store = new FileListStore(
      files.map(({ file }) => file),
      pieceLength,
      error => transfer.fail(error),
      files.map(({ size }) => size)
    )
    const torrent = this.#client.add(described, {
      announce: [this.#tracker],
      preloadedStore: store,
      // The hashes were made of what the store reads.
      skipVerify: true,
      storeCacheSlots: CACHED_PIECES
    })
    spareMetadata(torrent)
    const transfer = new Transfer(torrent, { role: 'sender', name, total: length })
    return transfer
  }

  /** Joins the swarm of a link; nothing is fetched but names and sizes until told. @param {string} infoHash */
  receive(infoHash) {
    /** @type {DiskStore | undefined} */
    let store
    const torrent = this.#client.add(infoHash, {
      announce: [this.#tracker],
      deselect: true,
      // Within what a PieceWindow has selected.
      strategy: 'sequential',
      storeCacheSlots: CACHED_PIECES,
      store: (/** @type {number} */ chunkLength, /** @type {{ length: number }} */ { length }) => {
        store = transfer.store = new DiskStore(chunkLength, { length, infoHash })
        return store
      }
    })
    spareMetadata(torrent)
    const transfer = new Transfer(torrent, { role: 'receiver' })
    return transfer
  }

  close() {
    if (!this.#client.destroyed) this.#client.destroy()
  }
}
