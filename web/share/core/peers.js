// @ts-check
// Who is connected to a torrent, how, and who could not be. It reads the wires of webtorrent and the
// statistics of WebRTC; it opens and closes nothing. Used by transfers.

import { connectionPath } from '../lib/connection-path.js'
import { countBits } from '../lib/estimate.js'

/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').Torrent} Torrent */
/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').PeerConnection} PeerConnection */
/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').Wire} Wire */
/** @typedef {import('../lib/connection-path.js').Path} Path */

/**
 * @typedef {object} Peer
 * @property {string} id
 * @property {number} number 1 for the first that came, and so on; stays with the peer
 * @property {Path} path
 * @property {string} detail the same in words
 * @property {number} down bytes per second from it
 * @property {number} up bytes per second to it
 * @property {number} sent bytes to it in all
 * @property {number} progress what it has of the whole, 0 to 1
 */

/** The path can change (a relay gives way to a direct one), so it is looked up again after this long. */
const PATH_KEPT_MS = 10_000
/** A failure is spoken of for this long. */
const FAILURE_KEPT_MS = 60_000
const FAILURES_MAX = 200
/** webtorrent gives a connection 25 s; what is neither made nor reported by then has failed. */
const CONNECT_MS_MAX = 30_000

export class PeerBook {
  #torrent
  /** @type {Map<string, PeerConnection>} */
  #connections = new Map()
  /** @type {Map<PeerConnection, number>} not connected yet → since when */
  #pending = new Map()
  /** @type {Map<string, { path: Path, detail: string, askedAt: number }>} */
  #paths = new Map()
  /** @type {Map<string, number>} peer → when its connection failed */
  #failures = new Map()
  /** @type {Map<string, number>} */
  #numbers = new Map()

  /** @param {Torrent} torrent @param {() => number} clock milliseconds */
  constructor(torrent, clock) {
    this.#torrent = torrent
    torrent.on('peer', (/** @type {PeerConnection} */ connection) => this.#follow(connection, clock))
  }

  /** @param {number} now @returns {Peer[]} in the order they came */
  list(now) {
    const peers = this.#torrent.wires.filter(wire => !wire.destroyed).map(wire => this.#describe(wire, now))
    return peers.sort((a, b) => a.number - b.number)
  }

  /** Introduced by the tracker and not connected yet. */
  get connecting() {
    return this.#pending.size
  }

  /** Peers that could not be connected lately. @param {number} now */
  failed(now) {
    for (const [connection, since] of this.#pending) if (now - since > CONNECT_MS_MAX) this.#gone(connection, now)
    for (const [id, at] of this.#failures) if (now - at > FAILURE_KEPT_MS) this.#failures.delete(id)
    return this.#failures.size
  }

  /** @param {PeerConnection} connection @param {() => number} clock */
  #follow(connection, clock) {
    this.#connections.set(connection.id, connection)
    if (!connection.connected) this.#pending.set(connection, clock())
    connection.once('connect', () => {
      this.#pending.delete(connection)
      this.#failures.delete(connection.id)
    })
    // A connection that fails early tells so by "error" alone.
    connection.once('error', () => this.#gone(connection, clock()))
    connection.once('close', () => this.#gone(connection, clock()))
  }

  /** @param {PeerConnection} connection @param {number} now */
  #gone(connection, now) {
    const { id } = connection
    if (this.#connections.get(id) === connection) {
      this.#connections.delete(id)
      this.#paths.delete(id)
    }
    const wasPending = this.#pending.delete(connection)
    // When two browsers offer at the same time one connection is dropped on purpose.
    const other = this.#connections.has(id) || this.#torrent.wires.some(wire => wire.peerId === id)
    if (wasPending && !other && !this.#torrent.destroyed && this.#failures.size < FAILURES_MAX)
      this.#failures.set(id, now)
  }

  /** @param {Wire} wire @param {number} now @returns {Peer} */
  #describe(wire, now) {
    const { peerId: id, isSeeder, peerPieces } = wire
    if (!this.#numbers.has(id)) this.#numbers.set(id, this.#numbers.size + 1)
    const pieces = this.#torrent.pieces.length
    const { path, detail } = this.#pathOf(id, now)
    return {
      id,
      number: this.#numbers.get(id) ?? 0,
      path,
      detail,
      down: wire.downloadSpeed(),
      up: wire.uploadSpeed(),
      sent: wire.uploaded,
      progress: isSeeder ? 1 : pieces ? Math.min(1, countBits(peerPieces.buffer) / pieces) : 0
    }
  }

  /** What was found last; asks anew in the background when that is old. @param {string} id @param {number} now */
  #pathOf(id, now) {
    const known = this.#paths.get(id) ?? {
      path: /** @type {Path} */ ('connecting'),
      detail: 'being checked',
      askedAt: -Infinity
    }
    const connection = this.#connections.get(id)
    if (connection?.connected && now - known.askedAt > (known.path === 'connecting' ? 1000 : PATH_KEPT_MS)) {
      known.askedAt = now
      this.#paths.set(id, known)
      connection.getStats((error, reports) => {
        if (error) return
        const found = connectionPath(reports)
        if (found.path !== 'connecting') Object.assign(known, found)
      })
    }
    return known
  }
}
