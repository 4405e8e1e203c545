// @ts-check
// Gathers ICE candidates with some servers, without a second peer.

import { since } from './outcomes.js'

/**
 * @typedef {object} Gathered
 * @property {Map<string, number>} types each candidate type with the milliseconds until the first one
 * @property {{ code: number, text: string }[]} errors of STUN and TURN servers
 * @property {boolean} isComplete whether gathering ended within the time limit
 */

/**
 * @param {RTCConfiguration} config @param {(type: string) => boolean} isEnough ends gathering
 * @param {number} msMax @param {AbortSignal} signal @param {typeof RTCPeerConnection} Peer
 * @returns {Promise<Gathered>}
 * @throws {DOMException} if the browser does not accept the configuration
 */
export async function gather(config, isEnough, msMax, signal, Peer = RTCPeerConnection) {
  const connection = new Peer(config)
  /** @type {Gathered} */
  const found = { types: new Map(), errors: [], isComplete: false }
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  try {
    const start = performance.now()
    const ended = new Promise(resolve => {
      timer = setTimeout(resolve, msMax)
      signal.addEventListener('abort', resolve)
      connection.onicecandidateerror = ({ errorCode, errorText }) => {
        found.errors.push({ code: errorCode, text: errorText })
      }
      connection.onicecandidate = ({ candidate }) => {
        if (!candidate) {
          found.isComplete = true
          resolve(undefined)
          return
        }
        const type = typeOf(candidate)
        // An empty candidate is the end of one component.
        if (!type) return
        if (!found.types.has(type)) found.types.set(type, since(start))
        if (isEnough(type)) resolve(undefined)
      }
    })
    connection.createDataChannel('swarm-check')
    await connection.setLocalDescription(await connection.createOffer())
    await ended
    return found
  } finally {
    clearTimeout(timer)
    connection.close()
  }
}

/** @param {RTCIceCandidate} candidate */
const typeOf = ({ type, candidate }) => type || (/ typ (\w+)/.exec(candidate)?.[1] ?? '')
