// @ts-check
// Lists the peers of a torrent with the path of their connection, counts failed connections, and finds the cause. It reads
// webtorrent's wires, WebRTC statistics and descriptions, and opens or closes no connection. Transfers use it.

import { failureCause } from '../lib/connection-failure.js'
import { connectionPath } from '../lib/connection-path.js'
import { countBits } from '../lib/estimate.js'
import { networkFacts } from '../lib/ice-candidates.js'
import { PeerNumbers } from '../lib/peer-numbers.js'

/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').Torrent} Torrent */
/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').PeerConnection} PeerConnection */
/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').Wire} Wire */
/** @typedef {import('../lib/connection-failure.js').FailureCause} FailureCause */
/** @typedef {import('../lib/connection-path.js').Path} Path */

/**
 * @typedef {object} Peer
 * @property {string} id
 * @property {number} number in the order of arrival, from 1; a peer keeps its number
 * @property {Path} path
 * @property {number} down bytes per second from it
 * @property {number} up bytes per second to it
 * @property {number} sent total bytes to it
 * @property {number} progress the share of the pieces that it has, 0 to 1
 * @property {boolean} [isEarlier] whether it uses a link from before files were added
 */

/** A path can change, for example from a relay to a direct connection. */
const PATH_MAX_AGE_MS = 10_000
/** A failed connection counts for this time. The next attempt begins after at most 75 s and takes at most 30 s. */
const FAILURE_MAX_AGE_MS = 120_000
const FAILURES_MAX = 200
/** After this time a pending connection has failed. webtorrent's own timeout is 25 s. */
const CONNECT_MS_MAX = 30_000
/** An attempt that ends earlier says nothing about the networks: two browsers whose offers cross drop both connections. */
const ATTEMPT_MS_MIN = 5_000

/**
 * A connection that is being established. The browser forgets the rest when it ends.
 * @typedef {{ since: number, servers: RTCIceServer[], local: string, remote: string }} Attempt
 */

export class PeerList {
  #torrent
  /** @type {Map<string, PeerConnection>} */
  #connections = new Map()
  /** @type {Map<PeerConnection, Attempt>} */
  #pending = new Map()
  /** @type {Map<string, { path: Path, askedAt: number }>} */
  #paths = new Map()
  /** Peers with their last failure, the latest last. @type {Map<string, { at: number, cause: FailureCause | null }>} */
  #failures = new Map()
  #numbers

  /** @param {Torrent} torrent @param {() => number} clock milliseconds @param {PeerNumbers} [numbers] of known peers */
  constructor(torrent, clock, numbers = new PeerNumbers()) {
    this.#torrent = torrent
    this.#numbers = numbers
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

  /** Number of recently failed connections. */
  get failed() {
    return this.#failures.size
  }

  /** The cause of the last failure that has a known one. @returns {FailureCause | null} */
  get failureCause() {
    return [...this.#failures.values()].findLast(({ cause }) => cause !== null)?.cause ?? null
  }

  /** Observes pending connections, and forgets old failures. Called about twice a second. @param {number} now */
  tick(now) {
    for (const [connection, attempt] of this.#pending) {
      observe(connection, attempt)
      if (now - attempt.since > CONNECT_MS_MAX) this.#onClose(connection, now)
    }
    for (const [id, { at }] of this.#failures) if (now - at > FAILURE_MAX_AGE_MS) this.#failures.delete(id)
  }

  /** @param {PeerConnection} connection @param {() => number} clock */
  #follow(connection, clock) {
    this.#connections.set(connection.id, connection)
    if (!connection.connected) this.#pending.set(connection, { since: clock(), servers: [], local: '', remote: '' })
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
    const attempt = this.#pending.get(connection)
    this.#pending.delete(connection)
    // If two browsers offer at the same time, webtorrent drops one connection on purpose.
    const other = this.#connections.has(id) || this.#torrent.wires.some(wire => wire.peerId === id)
    if (!attempt || other || this.#torrent.destroyed) return
    this.#failures.delete(id)
    if (this.#failures.size < FAILURES_MAX) this.#failures.set(id, { at: now, cause: causeOf(attempt, now) })
  }

  /** @param {Wire} wire @param {number} now @returns {Peer} */
  #describe(wire, now) {
    const { peerId: id } = wire
    return {
      id,
      number: this.#numbers.of(id),
      path: this.#pathOf(id, now),
      down: wire.downloadSpeed(),
      up: wire.uploadSpeed(),
      sent: wire.uploaded,
      progress: progressOf(wire, this.#torrent.pieces.length)
    }
  }

  /** Returns the last known path, and updates an old one in the background. @param {string} id @param {number} now @returns {Path} */
  #pathOf(id, now) {
    const known = this.#paths.get(id) ?? { path: 'connecting', askedAt: -Infinity }
    const connection = this.#connections.get(id)
    if (connection?.connected && now - known.askedAt > (known.path === 'connecting' ? 1000 : PATH_MAX_AGE_MS)) {
      known.askedAt = now
      this.#paths.set(id, known)
      connection.getStats((error, reports) => {
        if (error) return
        const found = connectionPath(reports)
        if (found !== 'connecting') known.path = found
      })
    }
    return known.path
  }
}

/** Returns the part that a peer has, from 0 to 1. @param {Wire} wire @param {number} pieces of the torrent */
function progressOf({ isSeeder, peerPieces }, pieces) {
  if (!pieces) return 0
  // A seeder may have said only that it has all. webtorrent takes every peer for a seeder before its first message.
  if (isSeeder && peerPieces.get(pieces - 1)) return 1
  return Math.min(1, countBits(peerPieces.buffer) / pieces)
}

/** Notes servers and candidates. Late candidates count too. @param {PeerConnection} connection @param {Attempt} attempt */
function observe({ _pc: pc }, attempt) {
  if (!pc?.localDescription || !pc.remoteDescription) return
  attempt.servers = pc.getConfiguration().iceServers ?? []
  attempt.local = pc.localDescription.sdp
  attempt.remote = pc.remoteDescription.sdp
}

/** @param {Attempt} attempt @param {number} now @returns {FailureCause | null} */
function causeOf({ since, servers, local, remote }, now) {
  if (!local || !remote || now - since < ATTEMPT_MS_MIN) return null
  return failureCause(servers, networkFacts(local), networkFacts(remote))
}
