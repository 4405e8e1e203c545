// @ts-check
// Step 4: whether each STUN and TURN server answers, each in a connection of its own.

import { gather } from './gathering.js'
import { failed, good, notTested, since, warning } from './outcomes.js'

const ANSWER_MS_MAX = 5_000
/** Each server takes a connection; browsers warn about more than a few servers. */
const SERVERS_MAX = 10

/** `stun` or `turn` of one URL. @typedef {{ kind: 'stun' | 'turn', url: string, server: RTCIceServer }} OneServer */
/** @typedef {{ name: string, state: 'good' | 'warning' | 'failed', text: string }} ServerResult */

/** @param {RTCIceServer[] | null} servers @param {AbortSignal} signal */
export async function checkServers(servers, signal) {
  if (servers === null) return notTested('The list of STUN and TURN servers could not be loaded.')
  const start = performance.now()
  const all = splitServers(servers)
  const results = await Promise.all(all.slice(0, SERVERS_MAX).map(one => checkServer(one, signal)))
  return { ...serversOutcome(results, all.length), ms: all.length ? since(start) : null }
}

/** Returns one entry for each URL. @param {RTCIceServer[]} servers @returns {OneServer[]} */
export const splitServers = servers =>
  servers.flatMap(server =>
    [server.urls].flat().map(url => ({
      kind: /^turns?:/i.test(url) ? 'turn' : 'stun',
      url,
      server: { ...server, urls: url }
    }))
  )

/** @param {OneServer} one @param {AbortSignal} signal @returns {Promise<ServerResult>} */
async function checkServer({ kind, url, server }, signal) {
  const name = serverName(url)
  const wanted = kind === 'turn' ? 'relay' : 'srflx'
  try {
    const config = /** @type {RTCConfiguration} */ ({
      iceServers: [server],
      iceTransportPolicy: kind === 'turn' ? 'relay' : 'all'
    })
    const found = await gather(config, type => type === wanted, ANSWER_MS_MAX, signal)
    return { name, ...answerOf(wanted, found) }
  } catch {
    return { name, state: 'failed', text: 'the browser does not accept its address or its password' }
  }
}

/** @param {string} wanted candidate type @param {import('./gathering.js').Gathered} found @returns {Omit<ServerResult, 'name'>} */
export function answerOf(wanted, { types, errors, isComplete }) {
  const ms = types.get(wanted)
  if (ms !== undefined) return { state: 'good', text: `answered in ${ms} ms` }
  // 701: the browser got no answer. Others are of the server (RFC 8489, RFC 8656).
  const error = errors.find(({ code }) => code >= 300 && code < 700)
  if (error) return { state: 'failed', text: `refused: ${error.code} ${error.text}`.trim() }
  if (!isComplete || errors.length) return { state: 'failed', text: `no answer within ${ANSWER_MS_MAX / 1000} s` }
  return wanted === 'srflx'
    ? {
        state: 'warning',
        text: 'no address of its own: this device has a public address, or the server did not answer'
      }
    : { state: 'failed', text: 'no relay' }
}

/** @param {ServerResult[]} results @param {number} count of all servers */
export function serversOutcome(results, count) {
  if (count === 0) return good('None offered. Browsers in one network connect without them.')
  const details = results.map(({ name, text }) => `${name}: ${text}`)
  if (count > results.length) details.push(`${count - results.length} more were not tested`)
  const bad = results.filter(({ state }) => state === 'failed')
  const remedy =
    'This network may block UDP or these ports: try another network. For the operator of the tracker: let UDP and TCP through the firewall to the ports of these servers.'
  if (bad.length === results.length) return failed('No server answers.', remedy, null, details)
  if (bad.length) return warning(`${bad.length} of ${results.length} servers do not answer.`, remedy, null, details)
  return good(results.length === 1 ? 'The server answers.' : `All ${results.length} servers answer.`, null, details)
}

/** Names a server without its address, because the result is passed on. @param {string} url */
export function serverName(url) {
  const [, scheme = '', port = '', query = ''] =
    /^(stuns?|turns?):(?:\[[^\]]*\]|[^:?]*)(?::(\d+))?(?:\?(.*))?$/i.exec(url) ?? []
  if (!scheme) return 'Unknown server'
  const isTls = /s$/i.test(scheme)
  const transport = isTls ? 'TLS' : /transport=tcp/i.test(query) ? 'TCP' : 'UDP'
  return `${scheme.slice(0, 4).toUpperCase()} over ${transport}, port ${port || (isTls ? 5349 : 3478)}`
}
