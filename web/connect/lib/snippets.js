// @ts-check
// The code of the documentation with the addresses of this server in it. It uses no DOM and no network.

import { iceOf, trackerOf } from '../../share/lib/addresses.js'
import { isLoopback } from '../../share/lib/reach.js'

/**
 * As the server writes it to `docs/snippets.json`.
 * @typedef {object} Snippet
 * @property {string} name
 * @property {string} path of its text below /docs/ @property {string} section @property {string} heading
 * @property {string} language @property {string} code
 * @property {string | null} install the command that installs what it imports
 * @property {string | null} vite its imports in a build @property {string | null} config of that build
 */
/** @typedef {{ label: string, text: string }} Address */
/** @typedef {{ server: string, tracker: string, ice: string }} Server its addresses, with the token of the page */

/** The host that stands for the tracker in texts, for own clients and for the elements. */
const HOSTS = ['tracker.example.org', 'TRACKER']

/** Returns the addresses of a server. @param {string} server with its token @returns {Server} */
export const serverAddresses = server => ({ server, tracker: trackerOf(server), ice: iceOf('ice', server) })

/** Returns the address of a script of the server. @param {Server} of @param {string} name */
export function scriptOf({ server }, name) {
  const base = new URL(server)
  const url = new URL(name, base)
  url.search = base.search
  return url.href
}

/** Returns the code with the addresses of this server. @param {string} code @param {Server} of */
export function filledIn(code, of) {
  let filled = code
  for (const host of HOSTS) {
    for (const script of ['embed.js', 'check.js'])
      filled = filled.replaceAll(`https://${host}/${script}`, scriptOf(of, script))
    filled = filled.replaceAll(`https://${host}/ice`, of.ice).replaceAll(`wss://${host}`, of.tracker)
    filled = filled.replaceAll(`https://${host}`, of.server)
  }
  return filled
}

/** What the code asks the server for, beside the tracker. @param {string} code filled in @param {Server} of @returns {Address[]} */
export const usedAddresses = (code, of) => [
  ...['embed.js', 'check.js']
    .map(name => ({ label: name, text: scriptOf(of, name) }))
    .filter(({ text }) => code.includes(text)),
  ...(code.includes(of.ice) ? [{ label: 'ICE servers', text: of.ice }] : [])
]

/** All addresses of the server that developers need. @param {Server} of @returns {Address[]} */
export function addressList(of) {
  const http = new URL(of.tracker)
  http.protocol = new URL(of.server).protocol
  return [
    { label: 'Tracker', text: of.tracker },
    { label: 'Tracker, for clients outside of browsers', text: http.href },
    { label: 'STUN and TURN servers', text: of.ice },
    { label: 'Script of <swarm-share>', text: scriptOf(of, 'embed.js') }
  ]
}

/** What to know about these addresses before they are copied; empty if nothing. @param {Server} of */
export function addressHint({ server }) {
  const { protocol, hostname } = new URL(server)
  if (isLoopback(hostname))
    return `“${hostname}” means a different machine for everyone else: these addresses work on this machine only. Open this page by the public address of the server before you copy them into a page for others.`
  if (protocol === 'http:')
    return 'This server has no TLS here. Pages at https:// cannot use it, and browsers connect pages at http:// only on the same machine. Start it with a certificate, or with --tls-self-signed for a try.'
  return ''
}
