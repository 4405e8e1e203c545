// @ts-check
// Reads messages of the tracker, and converts ids. tracker-client.js uses it.

/** An SDP has a few kilobytes. */
const MESSAGE_CHARS_MAX = 100_000

/** @typedef {{ complete: number, incomplete: number, interval: number }} Counts */
/** `sdp` and ids are checked to be texts. @typedef {{ peerId: string, offerId: string, sdp: string }} Relayed */

/** Returns 40 random hexadecimal digits. */
export const randomHex = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(20)), byte => byte.toString(16).padStart(2, '0')).join('')

/** @param {string} hex */
export const binary = hex =>
  (hex.match(/../g) ?? []).map(digits => String.fromCharCode(Number.parseInt(digits, 16))).join('')

/** @param {string} text */
const hex = text => Array.from(text, char => char.charCodeAt(0).toString(16).padStart(2, '0')).join('')

/** @param {unknown} data @returns {any} */
export function parse(data) {
  if (typeof data !== 'string' || data.length > MESSAGE_CHARS_MAX) return null
  try {
    const message = JSON.parse(data)
    return message && typeof message === 'object' ? message : null
  } catch {
    return null
  }
}

/** @param {any} message @returns {Relayed | null} */
export function relayedOf({ peer_id, offer_id, offer, answer }) {
  const sdp = (offer ?? answer)?.sdp
  const isComplete = [peer_id, offer_id, sdp].every(part => typeof part === 'string')
  return isComplete ? { peerId: hex(peer_id), offerId: hex(offer_id), sdp } : null
}

/** @param {any} message @returns {Counts} */
export const countsOf = ({ complete, incomplete, interval }) => ({
  complete: Number(complete) || 0,
  incomplete: Number(incomplete) || 0,
  interval: Number(interval) || 120
})
