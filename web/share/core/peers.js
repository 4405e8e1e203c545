// @ts-check
// Lists the peers of a torrent with the path of their connection, and counts failed connections. It reads webtorrent's
// wires and WebRTC statistics, and opens or closes no connection. Transfers use it.

import { connectionPath } from '../lib/connection-path.js'
import { countBits } from '../lib/estimate.js'

/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').Torrent} Torrent */
/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').PeerConnection} PeerConnection */
/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').Wire} Wire */
/** @typedef {import('../lib/connection-path.js').Path} Path */

/**
 * @typedef {object} Peer
 * @property {string} id
 * @property {number} number in the order of arrival, from 1; a peer keeps its number
 * @property {Path} path
 * @property {string} detail the path in words
 * @property {number} down bytes per second from it
 * @property {number} up bytes per second to it
 * @property {number} sent total bytes to it
 * @property {number} progress the share of the pieces that it has, 0 to 1
 */

/** A path can change, for example from a relay to a direct connection. */
const PATH_MAX_AGE_MS = 10_000
/** A failed connection counts for this time. */
const FAILURE_MAX_AGE_MS = 60_000
const FAILURES_MAX = 200
/** After this time a pending connection has failed. webtorrent's own timeout is 25 s. */
const CONNECT_MS_MAX = 30_000

export class PeerList {
  #torrent
  /** @type {Map<string, PeerConnection>} */
  #connections = new Map()
  /** Pending connections with their start time. @type {Map<PeerConnection, number>} */
  #pending = new Map()
  /** @type {Map<string, { path: Path, detail: string, askedAt: number }>} */
  #paths = new Map()
  /** Peers with the time of their failure. @type {Map<string, number>} */
  #failures = new Map()
  /** @type {Map<string, number>} */
  #numbers = new Map()

  /** @param {Torrent} torrent @param {() => number} clock milliseconds */
  constructor(torrent, clock) {
    this.#torrent = torrent
    torrent.on('peer', (/** @type {PeerConnection} */ connection) => this.#follow(connection, clock))
  }

  /** Returns the connected peers in the order of arrival. @param {number} now @returns {Peer[]} */
  list(now) {
    const peers = this.#torrent.wires.filter(wire => !wire.destroyed).map(wire => this.#describe(wire, now))
    return peers.sort((a, b) => a.number - b.number)
  }

  /** Number of connections that are being established. */
  get connecting() {
    return this.#pending.size
  }

  /** Returns the number of recently failed connections. @param {number} now */
  failed(now) {
    for (const [connection, since] of this.#pending) if (now - since > CONNECT_MS_MAX) this.#onClose(connection, now)
    for (const [id, at] of this.#failures) if (now - at > FAILURE_MAX_AGE_MS) this.#failures.delete(id)
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
    // A connection that fails early fires only `error`.
    connection.once('error', () => this.#onClose(connection, clock()))
    connection.once('close', () => this.#onClose(connection, clock()))
  }

  /** @param {PeerConnection} connection @param {number} now */
  #onClose(connection, now) {
    const { id } = connection
    if (this.#connections.get(id) === connection) {
      this.#connections.delete(id)
      this.#paths.delete(id)
    }
    const wasPending = this.#pending.delete(connection)
    // If two browsers offer at the same time, webtorrent drops one connection on purpose.
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

  /** Returns the last known path, and updates an old one in the background. @param {string} id @param {number} now */
  #pathOf(id, now) {
    const known = this.#paths.get(id) ?? {
      path: /** @type {Path} */ ('connecting'),
      detail: 'being checked',
      askedAt: -Infinity
    }
    const connection = this.#connections.get(id)
    if (connection?.connected && now - known.askedAt > (known.path === 'connecting' ? 1000 : PATH_MAX_AGE_MS)) {
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
