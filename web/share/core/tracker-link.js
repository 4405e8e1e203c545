// @ts-check
// The connection to the tracker as people need it: whether it stands, what the tracker said, and when it is
// tried again. The bundled client waits 10 s to 5 min after a loss, by chance; this takes over its timer and
// tries after seconds. The only file that knows the client's internals; used by transfers.

import { retryDelay } from '../lib/backoff.js'
import { warningKind } from '../lib/texts.js'

/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').Torrent} Torrent */

export class TrackerLink {
  #torrent
  #everOpen = false
  /** @type {string | null} */
  #refusal = null
  #attempts = 0
  #retryAt = 0
  #wasAway = false
  /** Others in the swarm, as the tracker counts them. @type {number | null} */
  known = null

  /** @param {Torrent} torrent */
  constructor(torrent) {
    this.#torrent = torrent
    torrent.on('trackerAnnounce', () => {
      this.#everOpen = true
      this.#refusal = null
      this.#attempts = 0
    })
    torrent.on('warning', error => {
      const text = String(error?.message ?? error)
      if (warningKind(text) === 'refusal') this.#refusal = text.slice(0, 300)
    })
  }

  /**
   * Looks after the connection; called every half second or so.
   * @param {number} now milliseconds
   */
  tick(now) {
    this.#countOthers()
    const socket = this.#socket
    if (!socket) return
    if (!socket.reconnecting || !socket.destroyed) {
      // Either it stands, or an attempt is under way.
      this.#retryAt = 0
      return
    }
    if (this.#retryAt === 0) {
      this.#refusal = null
      this.#wasAway = true
      this.#retryAt = now + retryDelay(this.#attempts++, Math.random())
    }
    if (socket.reconnectTimer !== null) {
      clearTimeout(socket.reconnectTimer)
      socket.reconnectTimer = null
    }
    if (now >= this.#retryAt) this.#reopen()
  }

  /** Tries at once. */
  retryNow() {
    this.#attempts = 0
    this.#refusal = null
    const socket = this.#socket
    if (socket?.reconnecting && socket.destroyed) this.#reopen()
    else if (this.state === 'open') this.announce()
  }

  /** Asks the tracker for others again. */
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
    return {
      state: this.state,
      // While an attempt runs after a loss it still counts as away, so that the notice does not blink.
      secondsToRetry:
        this.state === 'waiting'
          ? Math.max(1, Math.ceil((this.#retryAt - now) / 1000))
          : this.#wasAway && this.state === 'connecting'
            ? 1
            : 0,
      refusal: this.#refusal,
      everOpen: this.#everOpen
    }
  }

  get #socket() {
    return this.#torrent.discovery?.tracker?._trackers[0]
  }

  #reopen() {
    const socket = this.#socket
    if (!socket) return
    if (socket.reconnectTimer !== null) clearTimeout(socket.reconnectTimer)
    socket.reconnectTimer = null
    this.#retryAt = 0
    // It announces by itself once it is connected, because `reconnecting` is still set.
    socket._openSocket()
  }

  /** @type {unknown} */
  #counted = null

  #countOthers() {
    const client = this.#torrent.discovery?.tracker
    if (!client || client === this.#counted) return
    this.#counted = client
    client.on('update', ({ complete, incomplete }) => {
      if (Number.isFinite(complete) && Number.isFinite(incomplete)) this.known = Math.max(0, complete + incomplete - 1)
    })
  }
}
