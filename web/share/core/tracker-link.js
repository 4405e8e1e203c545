// @ts-check
// Monitors the connection to the tracker: its state, the last refusal, and the time of the next attempt. webtorrent's
// tracker client waits 10 s to 5 min after a loss; this replaces its timer and retries after seconds. Only this file uses
// the internals of that client. Transfers use it.

import { watchPolicy } from '../../common/policy.js'
import { retryDelay } from '../lib/backoff.js'
import { refusalOf } from '../lib/tracker-texts.js'
import { whyUnreachable } from './refusal-check.js'

/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').Torrent} Torrent */

/** The cause may change while the tracker is away. Each question costs it one request, and other trackers do not answer. */
const ASK_AGAIN_MS = 60_000
/** As in the check. */
const RESPONSE_MS_MAX = 10_000

export class TrackerLink {
  #torrent
  #everOpen = false
  /** The words of the tracker, until it serves an announce. @type {string | null} */
  #refusal = null
  /** The client whose responses are counted. @type {unknown} */
  #countedClient = null
  #attempts = 0
  #retryAt = 0
  #wasLost = false
  /** Why no WebSocket opens. @type {import('./refusal-check.js').Cause | null} */
  #cause = null
  /** When it was last asked why, since it last answered. @type {number | null} */
  #askedAt = null
  #isAsking = false
  /** The open WebSocket, and when it was first seen. @type {unknown} */
  #open = null
  #openSince = 0
  /** The WebSocket of the last answer. @type {unknown} */
  #answered = null
  /** @type {(address: string) => boolean} */
  #isBlocked
  /** Other peers in the swarm, as the tracker counts them. @type {number | null} */
  known = null

  /** @param {Torrent} torrent */
  constructor(torrent) {
    this.#torrent = torrent
    const closed = new AbortController()
    torrent.once('close', () => closed.abort())
    this.#isBlocked = watchPolicy(closed.signal)
    torrent.on('trackerAnnounce', () => {
      this.#everOpen = true
      this.#refusal = null
      this.#cause = null
      this.#attempts = 0
      this.#askedAt = null
      this.#answered = this.#socket?.socket
    })
    torrent.on('warning', error => {
      const refusal = refusalOf(String(error?.message ?? error))?.slice(0, 300)
      if (refusal === undefined) return
      this.#refusal = refusal
      this.#answered = this.#socket?.socket
    })
  }

  /**
   * Schedules and starts attempts to reconnect. Called about twice a second.
   * @param {number} now milliseconds
   */
  tick(now) {
    this.#countPeers()
    this.#watchOpen(now)
    const socket = this.#socket
    if (!socket) return
    if (!socket.reconnecting || !socket.destroyed) {
      // It is open, or an attempt is running.
      this.#retryAt = 0
      return
    }
    if (this.#retryAt === 0) {
      this.#wasLost = true
      this.#retryAt = now + retryDelay(this.#attempts++, Math.random())
      this.#askReason(socket.announceUrl, now)
    }
    if (socket.reconnectTimer !== null) {
      clearTimeout(socket.reconnectTimer)
      socket.reconnectTimer = null
    }
    if (now >= this.#retryAt) this.#reopen()
  }

  /** Reconnects, or announces again, at once. */
  retryNow() {
    this.#attempts = 0
    this.#refusal = null
    this.#askedAt = null
    const socket = this.#socket
    if (socket?.reconnecting && socket.destroyed) this.#reopen()
    else if (this.state === 'open') this.announce()
  }

  /** Announces again, to get more peers. */
  announce() {
    if (this.state === 'open') this.#torrent.discovery?.tracker?.update()
  }

  /** @returns {'connecting' | 'open' | 'waiting'} */
  get state() {
    const socket = this.#socket
    if (socket?.socket?.connected && !socket.destroyed) return 'open'
    return socket?.reconnecting && socket.destroyed ? 'waiting' : 'connecting'
  }

  /** @param {number} now */
  snapshot(now) {
    // Nobody is told that it cannot be reached before the cause is known.
    const isNew = this.#isAsking && this.#cause === null && !this.#everOpen
    if (isNew)
      return { ...this.#answer, state: /** @type {const} */ ('connecting'), isSilent: false, secondsToRetry: 0 }
    return {
      ...this.#answer,
      state: this.state,
      isSilent: this.#isSilent(now),
      // During an attempt after a loss this is not 0, so that the notice does not blink.
      secondsToRetry:
        this.state === 'waiting'
          ? Math.max(1, Math.ceil((this.#retryAt - now) / 1000))
          : this.#wasLost && this.state === 'connecting'
            ? 1
            : 0
    }
  }

  /** What is known of its answers. */
  get #answer() {
    const url = this.#socket?.announceUrl ?? null
    return { refusal: this.#refusal, everOpen: this.#everOpen, cause: this.#cause, url }
  }

  get #socket() {
    return this.#torrent.discovery?.tracker?._trackers[0]
  }

  /** @param {number} now */
  #watchOpen(now) {
    const open = this.state === 'open' ? this.#socket?.socket : null
    if (open === this.#open) return
    this.#open = open
    this.#openSince = now
  }

  /** Whether the open WebSocket has brought no answer for too long: some proxies and filters hold messages back. @param {number} now */
  #isSilent(now) {
    const isWaiting = this.state === 'open' && this.#open !== null && this.#open !== this.#answered
    return isWaiting && now - this.#openSince >= RESPONSE_MS_MAX
  }

  /** @param {string} tracker @param {number} now */
  async #askReason(tracker, now) {
    if (!tracker || this.#isAsking || (this.#askedAt !== null && now - this.#askedAt < ASK_AGAIN_MS)) return
    this.#askedAt = now
    this.#isAsking = true
    const { refusal, cause } = await whyUnreachable(tracker, globalThis.location?.origin, this.#isBlocked)
    this.#isAsking = false
    // It has answered meanwhile, or is asked again.
    if (this.#askedAt !== now) return
    // Its words are not known to be true any more once nothing answers.
    this.#refusal = refusal ?? (cause === 'silent' ? null : this.#refusal)
    this.#cause = cause
  }

  #reopen() {
    const socket = this.#socket
    if (!socket) return
    if (socket.reconnectTimer !== null) clearTimeout(socket.reconnectTimer)
    socket.reconnectTimer = null
    this.#retryAt = 0
    // The client announces once it is connected, because `reconnecting` is still set.
    socket._openSocket()
  }

  #countPeers() {
    const client = this.#torrent.discovery?.tracker
    if (!client || client === this.#countedClient) return
    this.#countedClient = client
    client.on('update', ({ complete, incomplete }) => {
      if (Number.isFinite(complete) && Number.isFinite(incomplete)) this.known = Math.max(0, complete + incomplete - 1)
    })
  }
}
