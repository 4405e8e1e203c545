// @ts-check
// Finds out why a tracker opens no WebSocket for this page: it refuses the page, a policy of the page blocks it, a proxy
// holds WebSockets back, or nothing answers. TrackerLink uses it.

import { askTracker } from '../../common/ask-tracker.js'
import { checkAddressesOf } from '../lib/addresses.js'

const ANSWER_MS_MAX = 5_000

/** @typedef {'blocked' | 'answers' | 'silent'} Cause why no WebSocket opens; `answers`: the server does, by HTTP */

/**
 * Returns the words of a tracker that refuses, else the cause, if it is known.
 * @param {string} tracker its WebSocket address @param {string} origin of the page
 * @param {(address: string) => boolean} isBlocked from `watchPolicy`
 * @returns {Promise<{ refusal: string | null, cause: Cause | null }>}
 */
export async function whyUnreachable(tracker, origin, isBlocked) {
  const answer = await askTracker(checkAddressesOf(tracker, null, origin), AbortSignal.timeout(ANSWER_MS_MAX))
  const { address, server, origin: page, token } = answer?.report ?? {}
  const [reason] = [address, server, page, token]
    .map(part => part?.reason)
    .filter(reason => typeof reason === 'string' && reason !== '')
  if (reason) return { refusal: reason.slice(0, 300), cause: null }
  if (isBlocked(tracker)) return { refusal: null, cause: 'blocked' }
  // The policy may forbid only this question; then the cause is not known.
  if (!answer && isBlocked(tracker.replace('ws', 'http'))) return { refusal: null, cause: null }
  return { refusal: null, cause: answer ? 'answers' : 'silent' }
}
