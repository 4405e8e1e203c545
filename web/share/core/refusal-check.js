// @ts-check
// Asks a tracker why it does not open a WebSocket for this page: browsers hide the body of a refused handshake, and the
// tracker tells a page only a few times over a WebSocket. Only swarmhub answers. TrackerLink uses it.

import { checkAddressOf } from '../lib/addresses.js'

const ANSWER_MS_MAX = 5_000

/**
 * Returns the words of the tracker; null: it would serve this page, or does not answer.
 * @param {string} tracker its WebSocket address @param {string} origin of the page
 */
export async function refusalReason(tracker, origin) {
  try {
    const signal = AbortSignal.timeout(ANSWER_MS_MAX)
    const response = await fetch(checkAddressOf(tracker, null, origin), { cache: 'no-store', signal })
    const { address, server, origin: page, token } = await response.json()
    const reasons = [address, server, page, token]
      .map(part => part?.reason)
      .filter(reason => typeof reason === 'string')
    return reasons[0]?.slice(0, 300) || null
  } catch {
    return null
  }
}
