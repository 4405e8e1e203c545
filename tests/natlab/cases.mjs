// The cases of the lab: two browsers in two homes share a file through the sharing page. Later features add rows.

import { TRACKER } from './network.mjs'

/**
 * @typedef {object} Case
 * @property {keyof typeof import('./servers.mjs').MODES} mode what the page learns about ICE servers
 * @property {string} pair the kinds of the sender's and the receiver's home, see network.mjs
 * @property {'chromium' | 'firefox'} [browser] of both, default chromium
 * @property {string[]} [flags] more flags of swarmhub
 * @property {string} [host] of the page, default the name of swarmhub. With an IP address swarmhub listens at `[::]`
 * @property {number | null} secondsMax from opening the link to the first connection; null: they must not connect
 * @property {boolean} [triesIce] with null: both browsers learn public addresses, so ICE has to try them and fail
 */

/** Other cases for one run, as JSON. */
const { NATLAB_CASES } = process.env

const RELAY = ['--ice-turn']

/** @type {Case[]} */
export const cases = NATLAB_CASES ? JSON.parse(NATLAB_CASES) : [
  // Shows that the other cases need their servers.
  { mode: 'none', pair: 'cone-cone', secondsMax: null },
  // What swarmhub brings without any flag.
  { mode: 'own', pair: 'cone-cone', secondsMax: 3 },
  { mode: 'own', pair: 'cone-cone', browser: 'firefox', secondsMax: 3 },
  { mode: 'own', pair: 'v6-v6', secondsMax: 3 },
  { mode: 'own', pair: 'cone-sym', triesIce: true, secondsMax: null },
  { mode: 'own', pair: 'tcp-tcp', secondsMax: null },
  { mode: 'own', pair: 'cone-sym', flags: RELAY, secondsMax: 3 },
  { mode: 'own', pair: 'sym-sym', flags: RELAY, secondsMax: 3 },
  { mode: 'own', pair: 'sym-sym', browser: 'firefox', flags: RELAY, secondsMax: 3 },
  // Homes that let out only TCP port 443: TURN over TLS.
  { mode: 'own', pair: 'cone-tcp', flags: RELAY, secondsMax: 3 },
  { mode: 'own', pair: 'tcp-tcp', flags: RELAY, secondsMax: 3 },
  { mode: 'own', pair: 'tcp-tcp', browser: 'firefox', flags: RELAY, secondsMax: 3 },
  // A page by IP address: TURN without TLS on the port for TLS.
  { mode: 'own', pair: 'tcp-tcp', flags: RELAY, host: TRACKER.v4, secondsMax: 3 },
  // coturn by UDP, and by TLS.
  { mode: 'rest', pair: 'sym-sym', secondsMax: 3 },
  { mode: 'rest', pair: 'tcp-tcp', browser: 'firefox', secondsMax: 3 },
  // Firefox asks names only in the address family of the home, but it too waits for a server that never answers.
  { mode: 'stun-and-silence', pair: 'cone-cone', browser: 'firefox', secondsMax: 3 },
  // A name has an IPv4 and an IPv6 address, and such a home has only one of them: the other one never answers.
  { mode: 'stun-by-name', pair: 'cone-cone', secondsMax: 3 },
  { mode: 'stun-by-name', pair: 'v6-v6', secondsMax: 3 }
]
