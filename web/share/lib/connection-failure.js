// @ts-check
// Determines why two browsers could not connect: which of the two networks is the cause, and what helps. It uses no DOM.
// core/peers.js finds the cause, lib/texts.js shows its notice.

import { t } from '../../common/words.js'

/** @typedef {import('./ice-candidates.js').NetworkFacts} NetworkFacts */
/** @typedef {import('./error-codes.js').CodedNotice} Notice */

/**
 * - `no-servers`: this browser got neither a STUN nor a TURN server
 * - `…-blocked`: this browser, the other one or none of the two got an answer of a server
 * - `no-relay…`: both have public addresses, and there is no relay; the network that is known to need it, if any
 * - `…-without-relay`: one of them got no allocation of the relay
 * - `relay-failed`: both have an allocation
 * @typedef {'no-servers' | 'own-blocked' | 'other-blocked' | 'both-blocked' | 'no-relay' | 'no-relay-own' | 'no-relay-other' |
 *   'no-relay-both' | 'own-without-relay' | 'other-without-relay' | 'relay-failed'} FailureCause
 */

/**
 * @param {RTCIceServer[]} servers that this browser used @param {NetworkFacts} own @param {NetworkFacts} other
 * @returns {FailureCause}
 */
export function failureCause(servers, own, other) {
  const urls = servers.flatMap(({ urls }) => urls)
  if (!own.isPublic && urls.length === 0) return 'no-servers'
  if (!own.isPublic) return other.isPublic ? 'own-blocked' : 'both-blocked'
  if (!other.isPublic) return 'other-blocked'
  if (own.hasRelay) return other.hasRelay ? 'relay-failed' : 'other-without-relay'
  if (other.hasRelay || urls.some(url => /^turns?:/i.test(url))) return 'own-without-relay'
  if (own.changesPorts && other.changesPorts) return 'no-relay-both'
  if (own.changesPorts) return 'no-relay-own'
  return other.changesPorts ? 'no-relay-other' : 'no-relay'
}

/** What helps a visitor. */
const otherNetwork = () => t('Another network often helps, for example a phone’s.')

/** What helps the operator. */
const needsTcp = () =>
  t('a relay helps networks without UDP if it is reached over TCP or TLS (--ice-turn, docs/connect.md).')
const needsRelay = () =>
  t('switch on the relay of the tracker with --ice-turn, or ice.turn = true in its configuration.')
const needsRoom = () =>
  t('the dashboard shows why the relay refuses browsers; docs/connect.md lists the ports to open.')

/** Title, text for the visitor, and help for the operator. @typedef {[title: string, text: string, help: string]} Explanation */

/** @type {Record<FailureCause, () => Explanation>} */
const TEXTS = {
  'no-servers': () => [
    t('Only browsers in the same network connect here'),
    t(
      'A peer was found, but it cannot be reached. Without a STUN server this browser connects only within its own network.'
    ),
    t(
      'check ice.stun, and behind a proxy set ice.public_address (docs/connect.md). Pages on localhost get no STUN server.'
    )
  ],
  'own-blocked': () => [
    t('Your network blocks the connection'),
    `${t('Your network lets no UDP out: this browser reaches no STUN or TURN server.')} ${otherNetwork()}`,
    needsTcp()
  ],
  'other-blocked': () => [
    t('The other network blocks the connection'),
    `${t('The network of the other browser seems to let no UDP out: it has no public address.')} ${otherNetwork()}`,
    needsTcp()
  ],
  'both-blocked': () => [
    t('Neither browser reaches the STUN server'),
    `${t('Both networks let no UDP out, or the server does not answer.')} ${otherNetwork()}`,
    t('let UDP through the firewall to the port of the STUN server (docs/connect.md).')
  ],
  'no-relay': () => [
    t('The two networks need a relay'),
    `${t('At least one of the two networks blocks direct connections or uses a new port for each destination (symmetric NAT).')} ${otherNetwork()}`,
    needsRelay()
  ],
  'no-relay-own': () => [
    t('Your network needs a relay'),
    `${t('Your network uses a new port for each destination (symmetric NAT), so the browsers cannot reach each other directly.')} ${otherNetwork()}`,
    needsRelay()
  ],
  'no-relay-other': () => [
    t('The other network needs a relay'),
    `${t('The network of the other browser uses a new port for each destination (symmetric NAT), so the browsers cannot reach each other directly.')} ${otherNetwork()}`,
    needsRelay()
  ],
  'no-relay-both': () => [
    t('Both networks need a relay'),
    `${t('Both networks use a new port for each destination (symmetric NAT), so the browsers cannot reach each other directly.')} ${otherNetwork()}`,
    needsRelay()
  ],
  'own-without-relay': () => [
    t('This browser does not get the relay'),
    `${t('The relay refused this browser, or your network blocks it.')} ${otherNetwork()}`,
    needsRoom()
  ],
  'other-without-relay': () => [
    t('The other browser does not get the relay'),
    `${t('The relay refused the other browser, or the network there blocks it.')} ${otherNetwork()}`,
    needsRoom()
  ],
  'relay-failed': () => [
    t('The relay does not connect the browsers'),
    t('Both browsers have a place on a relay, but no data gets through. It may be at its limits.'),
    t('the dashboard shows what the relay drops; docs/limits.md lists its limits.')
  ]
}

/** @param {FailureCause} cause @returns {{ title: string, text: string, more: string }} `more`: for the operator */
export function failureTexts(cause) {
  const [title, text, help] = TEXTS[cause]()
  return { title, text, more: t('For the operator of the tracker: {help}', { help }) }
}

/** @param {FailureCause} cause @returns {Notice} */
export function failedConnectionNotice(cause) {
  const { title, text, more } = failureTexts(cause)
  return {
    tone: 'warning',
    code: `connection-${cause}`,
    title,
    text: `${text} ${t('The page tries again automatically.')}`,
    more
  }
}
