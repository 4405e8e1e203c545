// @ts-check
// Texts about the connection to the tracker, and the meaning of its warnings. It only chooses texts: core/tracker-link.js
// watches the connection.

import { formatDuration } from '../../common/format.js'
import { t } from '../../common/words.js'

/** @typedef {import('./error-codes.js').CodedNotice} Notice */

/**
 * Explains why a browser does not connect a page to this tracker at all; null: it does.
 * @param {string} tracker its WebSocket address @param {string} page address of the page @returns {Notice | null}
 */
export function insecureTrackerNotice(tracker, page) {
  const { protocol, host, hostname } = new URL(tracker)
  if (protocol !== 'ws:' || new URL(page).protocol !== 'https:' || LOOPBACK.test(hostname)) return null
  return {
    tone: 'error',
    code: 'tracker-insecure',
    title: t('The tracker has no secure address'),
    text: t(
      'Browsers do not connect a page at https:// to a tracker at ws:// ({host}). The page has to name the tracker with ' +
        'wss:// or https://, and its server needs a certificate for that.',
      { host }
    )
  }
}

/** Browsers treat them as secure. */
const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/

/**
 * Explains the state of the connection to the tracker; null: it works.
 * @param {{ state: 'connecting' | 'open' | 'waiting', isSilent: boolean, secondsToRetry: number, refusal: string | null, everOpen: boolean, cause: import('../core/refusal-check.js').Cause | null, url: string | null }} tracker
 * @returns {Notice | null}
 */
export function trackerNotice({ state, isSilent, secondsToRetry, refusal, everOpen, cause, url }) {
  const now = { id: 'tracker-now', label: t('Try now') }
  if (refusal)
    return {
      tone: 'warning',
      code: 'tracker-refused',
      title: t('The tracker refuses'),
      text: t('It says: “{refusal}”.', { refusal }),
      action: now
    }
  if ((state === 'open' && !isSilent) || (state === 'connecting' && !everOpen && secondsToRetry === 0)) return null
  const when = isSilent
    ? t('Another network often helps, for example a phone’s.')
    : state === 'connecting'
      ? t('Trying again now.')
      : t('Trying again in {time}.', { time: formatDuration(secondsToRetry) })
  const meanwhile = everOpen
    ? t('Running transfers continue, but no new peers can be found.')
    : t('Browsers find each other through the tracker.')
  const why = url && (isSilent ? silentText(new URL(url)) : cause && causeText(cause, new URL(url)))
  return {
    tone: 'warning',
    code: everOpen ? 'tracker-lost' : 'tracker-unreachable',
    title: everOpen ? t('Connection to the tracker lost') : t('The tracker cannot be reached'),
    text: [why, meanwhile, when].filter(Boolean).join(' '),
    action: now
  }
}

/** @param {URL} tracker */
const silentText = ({ host }) =>
  t('{host} opens a WebSocket, but does not answer: a proxy or filter may hold messages back.', { host })

/** @param {import('../core/refusal-check.js').Cause} cause @param {URL} tracker */
function causeText(cause, { host, protocol }) {
  if (cause === 'answers')
    return t('{host} answers, but opens no WebSocket: a proxy or filter may hold it back.', { host })
  if (cause === 'silent')
    return t(
      'Nothing answers at {host}: the server is down, or its address, its certificate or this network is the cause.',
      {
        host
      }
    )
  const addresses = `${protocol}//${host} ${protocol.replace('ws', 'http')}//${host}`
  return t('The content security policy of this page blocks {host}. Its connect-src needs {addresses}.', {
    host,
    addresses
  })
}

/**
 * Returns the words of a tracker that refuses, from a warning of webtorrent; null: it is another warning. A tracker that
 * refuses a whole page has them as the action of its message, because browsers hide the body of a refused handshake.
 * @param {string} message @returns {string | null}
 */
export function refusalOf(message) {
  const action = /^invalid action in WS response: (.+)/is.exec(message)?.[1]
  if (action && action !== 'undefined') return action
  return warningKind(message) === 'refusal' ? message : null
}

/**
 * Classifies a warning of webtorrent, which is only a text: a refusal of an announce, a failed connection to a peer, or the
 * connection to the tracker.
 * @param {string} message
 * @returns {'peer' | 'connection' | 'refusal' | 'noise'}
 */
export function warningKind(message) {
  if (/^Connection error: |ice connection failed|connection failed|connect timeout/i.test(message)) return 'peer'
  if (/^error connecting to|^connection error to ws|websocket|socket/i.test(message)) return 'connection'
  if (
    /^(Piece \d+ failed|ignoring|Invalid tracker response|invalid scrape|invalid action|Unsupported tracker|Invalid tracker)/i.test(
      message
    )
  )
    return 'noise'
  return 'refusal'
}
