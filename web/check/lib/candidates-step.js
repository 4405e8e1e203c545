// @ts-check
// Step 3: which kinds of ICE candidates this browser finds with all servers of the tracker.

import { withEarlyGatheringEnd } from '../../common/early-gathering.js'
import { gather } from './gathering.js'
import { failed, good, listRefused, since, warning } from './outcomes.js'

/** Sharing ends gathering early, so candidates that come later are of no use. */
const GATHERING_MS_MAX = 5_000
const OTHER_NETWORK = 'Try another network, for example a phone’s.'

/** @type {Record<string, string>} */
const TYPE_TEXTS = {
  host: 'host: in the own network',
  srflx: 'srflx: as the internet sees it, by a STUN server',
  relay: 'relay: on a TURN server'
}

/** @param {RTCIceServer[] | null} servers null: `/ice` gave none @param {AbortSignal} signal */
export async function checkCandidates(servers, signal) {
  const start = performance.now()
  const kinds = kindsOf(servers ?? [])
  const last = kinds.turn ? 'relay' : kinds.stun ? 'srflx' : ''
  try {
    const Peer = withEarlyGatheringEnd(RTCPeerConnection)
    const config = { iceServers: servers ?? [] }
    const { types } = await gather(config, type => type === last, GATHERING_MS_MAX, signal, Peer)
    return { ...candidatesOutcome(types, kinds, servers === null), ms: since(start) }
  } catch {
    return listRefused()
  }
}

/**
 * @param {Map<string, number>} types @param {{ stun: boolean, turn: boolean }} kinds offered by the tracker
 * @param {boolean} isMissing whether `/ice` could not be read
 */
export function candidatesOutcome(types, kinds, isMissing) {
  const details = ['host', 'srflx', 'relay']
    .filter(type => types.has(type))
    .map(type => `${TYPE_TEXTS[type]}, after ${types.get(type)} ms`)
  if (types.size === 0)
    return failed(
      'This browser finds no address for connections.',
      `A setting or an add-on of the browser hides all addresses, or a firewall blocks WebRTC. ${OTHER_NETWORK}`
    )
  const text = `This browser finds: ${[...types.keys()].join(', ')}.`
  if (isMissing)
    return warning(
      `${text} The list of STUN and TURN servers could not be loaded.`,
      'Without them, browsers connect only within one network. Look at the step of the tracker.',
      null,
      details
    )
  if (kinds.turn && !types.has('relay'))
    return warning(
      `${text} No relay, although the tracker has one.`,
      `The step of the servers says why. ${OTHER_NETWORK}`,
      null,
      details
    )
  if (kinds.stun && !types.has('srflx') && !types.has('relay'))
    return warning(
      `${text} No address that the internet sees.`,
      `The network lets no UDP out, or the STUN server does not answer. ${OTHER_NETWORK}`,
      null,
      details
    )
  return good(kinds.stun || kinds.turn ? text : `${text} The tracker offers no STUN or TURN server.`, null, details)
}

/** @param {RTCIceServer[]} servers */
export function kindsOf(servers) {
  const urls = servers.flatMap(({ urls }) => urls)
  return { stun: urls.some(url => /^stuns?:/i.test(url)), turn: urls.some(url => /^turns?:/i.test(url)) }
}
