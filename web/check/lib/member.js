// @ts-check
// A member of a swarm that connects with the other members: it answers all offers, and makes offers on request.

import { Connection } from './connection.js'
import { exchange } from './exchange.js'
import { since } from './outcomes.js'
import { TrackerClient } from './tracker-client.js'
import { randomHex } from './tracker-messages.js'

/** Connections of one member; more devices are ignored. */
const CONNECTIONS_MAX = 4
/** From an announce with an offer to its answer. */
const ANSWER_MS_MAX = 10_000

/** @typedef {import('./exchange.js').States} States */
/** @typedef {import('../../share/lib/connection-path.js').Path} Path */
/** @typedef {{ peerId: string, connectMs: number, path: Path, megabyteMs: number, states: States }} Meeting */

/** No other member answered the offer. */
export class UnansweredError extends Error {
  /** @param {number} members in the swarm, this one included */
  constructor(members) {
    super('no answer')
    this.members = members
  }
}

export class Member {
  #client
  #servers
  #states
  #signal
  /** Members to which a connection is open or begun. @type {Set<string>} */
  #peers = new Set()
  /** @type {Map<string, (answer: import('./tracker-messages.js').Relayed) => void>} by offer ID */
  #offers = new Map()
  /** A connection of another member's offer. @type {(meeting: Meeting) => void} */
  onMeeting = () => {}
  /** It failed. @type {(error: unknown) => void} */
  onFailure = () => {}
  /** The connection to the tracker ended. @type {() => void} */
  onEnd = () => {}

  /**
   * @param {{ tracker: string, servers: RTCIceServer[], infoHash: string, states: () => States }} given `states` of the own steps
   * @param {AbortSignal} signal ends the membership and closes all connections
   */
  constructor({ tracker, servers, infoHash, states }, signal) {
    this.#servers = servers
    this.#states = states
    this.#signal = signal
    this.#client = new TrackerClient(tracker, infoHash)
    this.#client.onOffer = offer => this.#answer(offer)
    this.#client.onAnswer = answer => this.#offers.get(answer.offerId)?.(answer)
    this.#client.onEnd = () => this.onEnd()
    signal.addEventListener('abort', () => this.#client.close())
  }

  /** Joins the swarm, and announces again in time. @throws {import('./tracker-client.js').TrackerError} */
  async join() {
    await this.#client.open()
    this.#signal.throwIfAborted()
    const { interval } = await this.#client.announce()
    this.#stay(interval)
  }

  /** Announces again after an interval. @param {number} seconds */
  #stay(seconds) {
    const announce = async () => {
      if (this.#signal.aborted) return
      try {
        this.#stay((await this.#client.announce()).interval)
      } catch {
        if (!this.#signal.aborted) this.onEnd()
      }
    }
    setTimeout(announce, seconds * 1000)
  }

  /**
   * Offers a connection to one other member.
   * @returns {Promise<Meeting>} @throws {UnansweredError | import('./connection.js').ConnectError | import('./tracker-client.js').TrackerError}
   */
  async offer() {
    const start = performance.now()
    const connection = new Connection(this.#servers, true, this.#signal)
    const offerId = randomHex()
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer
    try {
      const sdp = await connection.offer()
      let members = 1
      /** @type {Promise<import('./tracker-messages.js').Relayed>} */
      const answered = new Promise((resolve, reject) => {
        timer = setTimeout(() => reject(new UnansweredError(members)), ANSWER_MS_MAX)
        this.#offers.set(offerId, resolve)
      })
      // Rejected only after the announce has thrown, it would be an unhandled rejection.
      answered.catch(() => {})
      const { complete, incomplete } = await this.#client.announce([{ offerId, sdp }])
      members = complete + incomplete
      // Nobody is there to answer.
      if (members <= 1) throw new UnansweredError(members)
      const answer = await answered
      this.#peers.add(answer.peerId)
      await connection.accept(answer.sdp)
      return await this.#meet(connection, true, answer.peerId, start)
    } catch (error) {
      connection.close()
      throw error
    } finally {
      clearTimeout(timer)
      this.#offers.delete(offerId)
    }
  }

  /** @param {import('./tracker-messages.js').Relayed} offer */
  async #answer(offer) {
    if (this.#peers.has(offer.peerId) || this.#peers.size >= CONNECTIONS_MAX) return
    this.#peers.add(offer.peerId)
    const start = performance.now()
    const connection = new Connection(this.#servers, false, this.#signal)
    try {
      this.#client.answer(offer, await connection.answer(offer.sdp))
      this.onMeeting(await this.#meet(connection, false, offer.peerId, start))
    } catch (error) {
      // The other member may try again.
      this.#peers.delete(offer.peerId)
      connection.close()
      if (!this.#signal.aborted) this.onFailure(error)
    }
  }

  /** @param {Connection} connection @param {boolean} isSender @param {string} peerId @param {number} start @returns {Promise<Meeting>} */
  async #meet(connection, isSender, peerId, start) {
    const channel = await connection.opened()
    const connectMs = since(start)
    const exchanged = await exchange(channel, isSender, this.#states(), this.#signal)
    return { peerId, connectMs, path: await connection.path(), ...exchanged }
  }
}
