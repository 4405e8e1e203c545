// @ts-check
// Explains why a page does not reach its tracker. It uses no DOM and no network. tracker-step.js asks the server.

import { isLoopback } from '../../share/lib/reach.js'
import { failed, warning } from './outcomes.js'

/** @typedef {import('./outcomes.js').Outcome} Outcome */
/** @typedef {import('../../common/ask-tracker.js').Answer} Answer */

const originDenied = (/** @type {string} */ origin) =>
  failed(
    `The tracker does not serve pages of ${origin}.`,
    'For the operator of the tracker: add this origin to the setting origin, or remove it from origin_denied.'
  )
const tokenMissing = () =>
  failed(
    'The tracker needs a token, and the address has none.',
    'Add ?token=TOKEN to the address of this page, or to the address of the script check.js. Ask the operator for a token.'
  )
const tokenWrong = () =>
  failed('The token is not valid for this tracker.', 'Ask the operator of the tracker for a new token.')

/** Whether browsers block this WebSocket because the page is encrypted. @param {string} tracker @param {string} page */
export const isMixedContent = (tracker, page) =>
  page.startsWith('https:') && tracker.startsWith('ws:') && !isLoopback(new URL(tracker).hostname)

export const mixedContentOutcome = () =>
  failed(
    'The page is at https://, but the address of the tracker begins with ws://. Browsers block connections without encryption from such a page.',
    'Give the tracker TLS, and use its wss:// address.'
  )

/**
 * Explains what the tracker itself said, or returns null if it said nothing.
 * @param {{ kind: string, code: number, reason: string }} error @param {string} origin
 * @returns {Outcome | null}
 */
export function saidByTracker({ kind, code, reason }, origin) {
  if (code === 4001) return originDenied(origin)
  if (code === 4002) return tokenMissing()
  if (code === 4003) return tokenWrong()
  if (/info_hash is not allowed/.test(reason))
    return warning(
      'The tracker answers, but it serves only certain info-hashes. So the steps that need a random one are not tested.',
      'This is right for a private tracker. Else, for the operator: check access.info_hashes_allowed.'
    )
  if (kind === 'refused' || (kind === 'closed' && reason))
    return failed(
      `The tracker refuses: ${reason}.`,
      'Wait a minute and check again, or ask the operator of the tracker.'
    )
  return null
}

/**
 * Explains the failure of a tracker that said nothing.
 * @param {{ kind: string }} error @param {Answer} answer
 * @param {{ tracker: string, origin: string, isBlocked: boolean }} page `isBlocked`: by its content security policy
 * @returns {Outcome}
 */
export function silentTracker({ kind }, answer, { tracker, origin, isBlocked }) {
  const { protocol, host } = new URL(tracker)
  const http = protocol.replace('ws', 'http')
  if (isBlocked)
    return failed(
      `The content security policy of this page blocks the connection to ${host}.`,
      `For the developer of this page: add ${protocol}//${host} and ${http}//${host} to connect-src.`
    )
  if (!answer)
    return failed(
      `Nothing answers at ${host}: the server is down, the address is wrong, a firewall blocks it, or its certificate is not valid.`,
      `Open ${http}//${host}/healthz in a new tab. It shows what the browser says about the server and its certificate.`
    )
  const { report } = answer
  if (!report?.address)
    return failed(
      `Another server answers at ${host}, not this tracker.`,
      'Check the address of the tracker, and the rules of a proxy in front of it.'
    )
  const refusal = refusalOutcome(report, origin)
  if (refusal) return refusal
  return kind === 'silent'
    ? failed(
        'The server answers HTTP, but the WebSocket stays silent for 10 s.',
        'A proxy or firewall between this browser and the server may hold WebSockets back. Try another network.'
      )
    : failed(
        'The server answers HTTP, but no WebSocket opens.',
        'A proxy in front of the server must pass on the headers Upgrade and Connection. A filter in this network may also block WebSockets: try another network.'
      )
}

/**
 * Explains why the server would refuse a page; null: it serves it.
 * @param {import('../../common/ask-tracker.js').Report} report @param {string} origin of the page @returns {Outcome | null}
 */
export function refusalOutcome(report, origin) {
  const { state, reason, retry_after: wait } = report.address ?? {}
  if (state === 'banned')
    return failed(`Your address is banned: ${reason}.`, `${waitText(wait)} The operator of the tracker can end a ban.`)
  if (state === 'limited') return failed(`A limit of the tracker is reached: ${reason}.`, waitText(wait))
  if (report.server?.state === 'draining')
    return failed(
      'The server is shutting down and opens no new connections. Another server may take over.',
      waitText(report.server.retry_after)
    )
  if (report.server?.state === 'no_tracker')
    return failed(
      'This address of the server has only pages, no tracker.',
      'Use the address of the tracker. For the operator: this listener has the prefix pages+.'
    )
  if (report.origin?.state === 'denied') return originDenied(origin)
  if (report.token?.state === 'missing') return tokenMissing()
  if (report.token?.state === 'wrong') return tokenWrong()
  return null
}

/** @param {number | null | undefined} seconds */
const waitText = seconds =>
  seconds
    ? `Check again in ${seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} minutes`}.`
    : 'Check again later.'
