// @ts-check
// Starts shares and downloads with the only webtorrent client of the page. The client finds peers through the given
// tracker and in no other way. Services loads this module.

// Before webtorrent, which is loaded with this class.
import { restoreRTCPeerConnection } from '../../common/early-gathering-global.js'
import WebTorrent from '../../vendor/webtorrent/webtorrent.min.js'
import { sentContents } from './contents.js'
import { DiskStore } from './disk-store.js'
import { avoidMetadataCopies } from './metadata.js'
import { ShareLock } from './share-lock.js'
import { INDEX_KEY } from './torrent-info.js'
import { Transfer } from './transfer.js'

/** @typedef {import('./preparation.js').Ready} Ready */
/** @typedef {import('../lib/link.js').ShareLink} ShareLink */
/** @typedef {{ file: File, path: string }} Chosen a file and its path below the folder that was chosen */

/** Pieces in memory per transfer, of at most 4 MiB each. */
const CACHED_PIECES = 8

restoreRTCPeerConnection()

export class Engine {
  #client
  #tracker
  /** webtorrent's tracker client reads it for each new connection. */
  #rtcConfig

  /** @param {{ tracker: string, iceServers: RTCIceServer[] }} options `tracker`: its WebSocket address */
  constructor({ tracker, iceServers }) {
    this.#tracker = tracker
    this.#rtcConfig = { iceServers }
    this.#client = new WebTorrent({
      dht: false,
      lsd: false,
      utPex: false,
      natUpnp: false,
      natPmp: false,
      webSeeds: false,
      tracker: { rtcConfig: this.#rtcConfig }
    })
    // The client repeats the errors of its torrents, which the transfers handle.
    this.#client.on('error', () => {})
  }

  /** Shares files with the swarm. @param {Ready} ready @param {import('../lib/peer-numbers.js').PeerNumbers} [peerNumbers] of an earlier share @returns {Transfer} */
  share({ name, files, torrent: described, openStore, address, expires }, peerNumbers) {
    const torrent = this.#client.add(described, {
      announce: [this.#tracker],
      preloadedStore: openStore(error => transfer.fail(error)),
      // The hashes come from the same store.
      skipVerify: true,
      storeCacheSlots: CACHED_PIECES
    })
    avoidMetadataCopies(torrent)
    const transfer = new Transfer(torrent, { address, sent: sentContents({ name, files }, expires), peerNumbers })
    return transfer
  }

  /** Joins the swarm of a link and downloads only names and sizes. @param {ShareLink} link */
  receive(link) {
    const { infoHash, address } = link
    const lock = new ShareLock(link)
    /** The encrypted index of the torrent, if it has one. @type {Uint8Array | null} */
    let index = null
    /** @type {DiskStore | undefined} */
    let store
    const torrent = this.#client.add(infoHash, {
      announce: [this.#tracker],
      deselect: true,
      // The order within the selection of the PieceWindow.
      strategy: 'sequential',
      storeCacheSlots: CACHED_PIECES,
      // biome-ignore lint/complexity/useArrowFunction: webtorrent calls it with `new`, which an arrow function does not allow.
      store: function (/** @type {number} */ chunkLength, /** @type {{ length: number }} */ { length }) {
        store = transfer.store = new DiskStore(chunkLength, { length, infoHash })
        return store
      }
    })
    avoidMetadataCopies(torrent, info => {
      const found = info[INDEX_KEY]
      if (found instanceof Uint8Array) index = found
    })
    const open = (/** @type {string} */ password) => lock.open(torrent, index, password)
    const transfer = new Transfer(torrent, { address, open })
    return transfer
  }

  /** Sets the servers of new connections. @param {RTCIceServer[]} iceServers */
  replaceIceServers(iceServers) {
    this.#rtcConfig.iceServers = iceServers
  }

  /** Limits what is sent to all peers together. @param {number | null} bytesPerSecond null: no limit */
  limitUpload(bytesPerSecond) {
    this.#client.throttleUpload(bytesPerSecond ?? -1)
  }

  close() {
    if (!this.#client.destroyed) this.#client.destroy()
  }
}
