// @ts-check
// Selects the notices about the state of a session. It draws nothing. The view of the session uses it.

import { peersNotice, refusedNotice } from '../lib/texts.js'
import { trackerNotice } from '../lib/tracker-texts.js'

/** @typedef {import('../core/session.js').Session} Session */
/** @typedef {import('../core/snapshot.js').Snapshot} Snapshot */
/** @typedef {import('../lib/error-codes.js').CodedNotice} Notice */

/** @param {Session | null} session @param {Snapshot | null} now @returns {Array<Notice | null>} */
export function sessionNotices(session, now) {
  const running = now && now.phase !== 'hashing'
  // An open connection proves that the refusal came from another server than the tracker, and its own words say more.
  const isRefused = session?.refused && now?.tracker.state !== 'open' && !now?.tracker.refusal
  return [
    session?.failure ?? null,
    session?.saves?.error ?? null,
    isRefused ? refusedNotice() : running ? trackerNotice(now.tracker) : null,
    running && now.tracker.state === 'open' && !now.tracker.isSilent
      ? peersNotice({
          role: now.role,
          connected: now.peers.length,
          connecting: now.connecting,
          failed: now.failed,
          failureCause: now.failureCause,
          known: now.known,
          waitedSeconds: now.phase === 'done' ? 0 : now.aloneSeconds
        })
      : null
  ]
}
