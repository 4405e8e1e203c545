// @ts-check
// A small client of the tracker's WebSocket protocol (docs/protocol.md): one member of one swarm. It uses no WebRTC.
// The steps of the check use it.

import { binary, countsOf, parse, randomHex, relayedOf } from './tracker-messages.js'

const OPEN_MS_MAX = 10_000
const RESPONSE_MS_MAX = 10_000

/**
 * - `not-opened`: the browser does not say why
 * - `closed`: with a close code of the server
 * - `silent`: nothing within the time limit
 * - `refused`: the response has a failure reason
 * @typedef {'not-opened' | 'closed' | 'silent' | 'refused'} TrackerErrorKind
 */
export class TrackerError extends Error {
  /** @param {TrackerErrorKind} kind @param {string} [reason] text of the server @param {number} [code] of the close */
  constructor(kind, reason = '', code = 0) {
    super(reason || kind)
    this.kind = kind
    this.reason = reason
    this.code = code
  }
}

/** @typedef {import('./tracker-messages.js').Counts} Counts */
/** @typedef {import('./tracker-messages.js').Relayed} Relayed */

export class TrackerClient {
  /** @type {WebSocket | null} */
  #socket = null
  #address
  #infoHash
  #reason = ''
  #hasJoined = false
  /** Announces without a response; responses come in their order. @type {{ resolve: (counts: Counts) => void, reject: (error: Error) => void }[]} */
  #waiting = []
  peerId = randomHex()
  /** @type {(offer: Relayed) => void} */
  onOffer = () => {}
  /** @type {(answer: Relayed) => void} */
  onAnswer = () => {}
  /** Called when an open connection ends without `close`. @type {(error: TrackerError) => void} */
  onEnd = () => {}

  /** @param {string} address @param {string} infoHash 40 hexadecimal digits */
  constructor(address, infoHash) {
    this.#address = address
    this.#infoHash = infoHash
  }

  /** Opens the connection. @returns {Promise<void>} @throws {TrackerError} */
  open() {
    return limited(OPEN_MS_MAX, (resolve, reject) => {
      const socket = new WebSocket(this.#address)
      this.#socket = socket
      let isOpen = false
      socket.onopen = () => {
        isOpen = true
        resolve()
      }
      socket.onmessage = ({ data }) => this.#onMessage(data)
      // Some browsers fire no `close` after a policy of the page has blocked the address.
      socket.onerror = () => {
        if (!isOpen) reject(new TrackerError('not-opened'))
      }
      socket.onclose = ({ code, reason }) => {
        const error = new TrackerError(isOpen ? 'closed' : 'not-opened', this.#reason || reason, code)
        reject(error)
        for (const announce of this.#waiting.splice(0)) announce.reject(error)
        if (isOpen && this.#socket) this.onEnd(error)
      }
    })
  }

  /**
   * Announces this member.
   * @param {{ offerId: string, sdp: string }[]} [offers] @returns {Promise<Counts>} @throws {TrackerError}
   */
  announce(offers = []) {
    return limited(RESPONSE_MS_MAX, (resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#send({
        action: 'announce',
        info_hash: binary(this.#infoHash),
        peer_id: binary(this.peerId),
        uploaded: 0,
        downloaded: 0,
        left: 1,
        event: this.#hasJoined ? undefined : 'started',
        numwant: offers.length,
        offers: offers.map(({ offerId, sdp }) => ({ offer_id: binary(offerId), offer: { type: 'offer', sdp } }))
      })
    })
  }

  /** Answers an offer. @param {Relayed} offer @param {string} sdp */
  answer(offer, sdp) {
    this.#send({
      action: 'announce',
      info_hash: binary(this.#infoHash),
      peer_id: binary(this.peerId),
      to_peer_id: binary(offer.peerId),
      offer_id: binary(offer.offerId),
      answer: { type: 'answer', sdp }
    })
  }

  close() {
    const socket = this.#socket
    this.#socket = null
    socket?.close()
  }

  /** @param {unknown} message */
  #send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) throw new TrackerError('closed')
    this.#socket.send(JSON.stringify(message))
  }

  /** @param {unknown} data */
  #onMessage(data) {
    const message = parse(data)
    if (!message) return
    const reason = message['failure reason']
    if (typeof reason === 'string') {
      this.#reason = reason
      // A refused page gets the close code right behind the message.
      if (message.action === 'announce') this.#waiting.shift()?.reject(new TrackerError('refused', reason))
      return
    }
    if (message.info_hash !== binary(this.#infoHash)) return
    const relayed = relayedOf(message)
    if (relayed && message.offer) this.onOffer(relayed)
    else if (relayed) this.onAnswer(relayed)
    else if (message.action === 'announce') {
      this.#hasJoined = true
      this.#waiting.shift()?.resolve(countsOf(message))
    }
  }
}

/** @template T @param {number} ms @param {(resolve: (value: T) => void, reject: (error: Error) => void) => void} start @returns {Promise<T>} */
async function limited(ms, start) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  try {
    return await new Promise((resolve, reject) => {
      timer = setTimeout(() => reject(new TrackerError('silent')), ms)
      start(resolve, reject)
    })
  } finally {
    clearTimeout(timer)
  }
}
