// @ts-check
// Determines why two browsers could not connect: which of the two networks is the cause, and what helps. It uses no DOM.
// core/peers.js finds the cause, lib/texts.js shows its notice.

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

const OTHER_NETWORK = 'Another network often helps, for example a phone’s.'
const NEEDS_TCP = 'a relay helps networks without UDP if it is reached over TCP or TLS (--ice-turn, docs/connect.md).'
const NEEDS_RELAY = 'switch on the relay of this server with --ice-turn, or ice.turn = true in its configuration.'
const NEEDS_ROOM = 'the dashboard shows why the relay refuses browsers; docs/connect.md lists the ports to open.'
const NEW_PORTS = 'a new port for each destination (symmetric NAT), so the browsers cannot reach each other directly.'

/** Title, text for the visitor, and help for the operator. @type {Record<FailureCause, [string, string, string]>} */
const TEXTS = {
  'no-servers': [
    'Only browsers in the same network connect here',
    'A peer was found, but it cannot be reached. Without a STUN server this browser connects only within its own network.',
    'check ice.stun, and behind a proxy set ice.public_address (docs/connect.md). Pages on localhost get no STUN server.'
  ],
  'own-blocked': [
    'Your network blocks the connection',
    `Your network lets no UDP out: this browser reaches no STUN or TURN server. ${OTHER_NETWORK}`,
    NEEDS_TCP
  ],
  'other-blocked': [
    'The other network blocks the connection',
    `The network of the other browser seems to let no UDP out: it has no public address. ${OTHER_NETWORK}`,
    NEEDS_TCP
  ],
  'both-blocked': [
    'Neither browser reaches the STUN server',
    `Both networks let no UDP out, or the server does not answer. ${OTHER_NETWORK}`,
    'let UDP through the firewall to the port of the STUN server (docs/connect.md).'
  ],
  'no-relay': [
    'The two networks need a relay',
    `At least one of the two networks blocks direct connections or uses a new port for each destination (symmetric NAT). ${OTHER_NETWORK}`,
    NEEDS_RELAY
  ],
  'no-relay-own': ['Your network needs a relay', `Your network uses ${NEW_PORTS} ${OTHER_NETWORK}`, NEEDS_RELAY],
  'no-relay-other': [
    'The other network needs a relay',
    `The network of the other browser uses ${NEW_PORTS} ${OTHER_NETWORK}`,
    NEEDS_RELAY
  ],
  'no-relay-both': ['Both networks need a relay', `Both networks use ${NEW_PORTS} ${OTHER_NETWORK}`, NEEDS_RELAY],
  'own-without-relay': [
    'This browser does not get the relay',
    `The relay refused this browser, or your network blocks it. ${OTHER_NETWORK}`,
    NEEDS_ROOM
  ],
  'other-without-relay': [
    'The other browser does not get the relay',
    `The relay refused the other browser, or the network there blocks it. ${OTHER_NETWORK}`,
    NEEDS_ROOM
  ],
  'relay-failed': [
    'The relay does not connect the browsers',
    'Both browsers have a place on a relay, but no data gets through. It may be at its limits.',
    'the dashboard shows what the relay drops; docs/limits.md lists its limits.'
  ]
}

/** @param {FailureCause} cause @returns {Notice} */
export function failedConnectionNotice(cause) {
  const [title, text, help] = TEXTS[cause]
  return {
    tone: 'warning',
    code: `connection-${cause}`,
    title,
    text: `${text} The page tries again automatically.`,
    more: `For the operator of this server: ${help}`
  }
}
