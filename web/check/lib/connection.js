// @ts-check
// One connection between two browsers: makes an offer or an answer, and waits until the data channel is open.

import { withEarlyGatheringEnd } from '../../common/early-gathering.js'
import { failureCause, failureTexts } from '../../share/lib/connection-failure.js'
import { connectionPath } from '../../share/lib/connection-path.js'
import { networkFacts } from '../../share/lib/ice-candidates.js'

const CONNECT_MS_MAX = 15_000

/** A failure of ICE, with what helps. */
export class ConnectError extends Error {
  /** @param {string} text @param {string} remedy */
  constructor(text, remedy) {
    super(text)
    this.remedy = remedy
  }
}

/** The browser does not accept the list of STUN and TURN servers. */
export class ServersError extends Error {}

export class Connection {
  #servers
  #native
  /** Ends all waits. The signal of a long run must not keep closed connections in memory. */
  #closed = new AbortController()
  /** @type {Promise<RTCDataChannel>} */
  #channel

  /**
   * @param {RTCIceServer[]} servers @param {boolean} isOffering @param {AbortSignal} signal closes it
   * @throws {ServersError}
   */
  constructor(servers, isOffering, signal) {
    this.#servers = servers
    const native = connectionWith(servers)
    this.#native = native
    signal.addEventListener('abort', () => this.close(), { signal: this.#closed.signal })
    this.#channel = isOffering
      ? Promise.resolve(native.createDataChannel('swarm-check'))
      : new Promise(resolve => {
          native.ondatachannel = ({ channel }) => resolve(channel)
        })
  }

  /** Returns the SDP of an offer, with all candidates. */
  async offer() {
    return this.#describe(await this.#native.createOffer())
  }

  /** Returns the SDP of the answer to an offer, with all candidates. @param {string} sdp */
  async answer(sdp) {
    await this.#native.setRemoteDescription({ type: 'offer', sdp })
    return this.#describe(await this.#native.createAnswer())
  }

  /** @param {string} sdp */
  accept(sdp) {
    return this.#native.setRemoteDescription({ type: 'answer', sdp })
  }

  /** Resolves to the open data channel. @returns {Promise<RTCDataChannel>} @throws {ConnectError} */
  async opened() {
    const native = this.#native
    return new Promise((resolve, reject) => {
      const fail = () => reject(this.#failure())
      const timer = setTimeout(fail, CONNECT_MS_MAX)
      this.#closed.signal.addEventListener('abort', () => reject(this.#closed.signal.reason))
      native.addEventListener('connectionstatechange', () => {
        if (native.connectionState === 'failed') fail()
      })
      this.#channel.then(channel => {
        const finish = () => {
          clearTimeout(timer)
          resolve(channel)
        }
        if (channel.readyState === 'open') finish()
        else channel.addEventListener('open', finish)
      })
    })
  }

  /** How the browsers are connected. */
  async path() {
    return connectionPath([...(await this.#native.getStats()).values()])
  }

  close() {
    this.#native.close()
    this.#closed.abort()
  }

  /** @param {RTCSessionDescriptionInit} description */
  async #describe(description) {
    const native = this.#native
    const complete = new Promise(resolve => {
      const look = () => {
        if (native.iceGatheringState === 'complete') resolve(undefined)
      }
      native.addEventListener('icegatheringstatechange', look)
      this.#closed.signal.addEventListener('abort', resolve)
    })
    await native.setLocalDescription(description)
    if (native.iceGatheringState !== 'complete') await complete
    this.#closed.signal.throwIfAborted()
    return native.localDescription?.sdp ?? ''
  }

  #failure() {
    const [own, other] = [this.#native.localDescription, this.#native.remoteDescription].map(description =>
      networkFacts(description?.sdp ?? '')
    )
    const cause = failureCause(this.#servers, /** @type {any} */ (own), /** @type {any} */ (other))
    const { title, text, more } = failureTexts(cause)
    return new ConnectError(`${title}.`, `${text} ${more}`)
  }
}

/** @param {RTCIceServer[]} iceServers */
function connectionWith(iceServers) {
  try {
    return new (withEarlyGatheringEnd(RTCPeerConnection))({ iceServers })
  } catch (error) {
    throw new ServersError(String(error))
  }
}
