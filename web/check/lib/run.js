// @ts-check
// Runs the steps of the check in their order. Each needs the results of earlier ones; what cannot run says why. It uses no
// DOM. The element shows the outcomes.

import { environment, loadIceSettings } from '../../share/core/environment.js'
import { browserOutcome } from './browser-step.js'
import { checkCandidates } from './candidates-step.js'
import { deviceLink, meetDevices } from './device-step.js'
import { checkMeeting } from './meeting-step.js'
import { failed, notTested, running } from './outcomes.js'
import { checkServers } from './servers-step.js'
import { randomHex } from './tracker-messages.js'
import { checkTracker } from './tracker-step.js'

/** @typedef {import('./outcomes.js').Outcome} Outcome */
/** @typedef {import('./outcomes.js').StepId} StepId */
/**
 * @typedef {object} Given
 * @property {string} tracker WebSocket address; empty if it is not known
 * @property {string | null} ice address of the ICE settings
 * @property {string | null} server address of the server that the script came from
 * @property {string} page address of the page
 * @property {string} swarm info-hash of the link that the page was opened with, else empty
 * @property {(host: string) => boolean} isBlocked whether the policy of the page blocked a connection to a host
 * @property {() => import('./exchange.js').States} states the current states of all steps
 */
/** Where the second device begins, and addresses of the same server for other machines. @typedef {{ link: string, pages: string[] }} DeviceLink */

const INFO_HASH = /^[0-9a-f]{40}$/
const NO_WEBRTC = 'It needs WebRTC, which this browser does not have.'
const NO_TRACKER = 'It needs the tracker.'

/**
 * Runs all steps but the last one, which goes on until the signal aborts.
 * @param {Given} given @param {(id: StepId, outcome: Outcome) => void} show
 * @param {(link: DeviceLink) => void} showLink @param {AbortSignal} signal
 */
export async function runSteps(given, show, showLink, signal) {
  const { tracker, ice, page } = given
  const seen = environment(page)
  show('browser', browserOutcome(seen))

  const isReached = await runTracker(given, seen.webSocket, show, signal)
  signal.throwIfAborted()
  if (!seen.webrtc) {
    for (const id of /** @type {StepId[]} */ (['candidates', 'servers', 'meeting', 'device']))
      show(id, notTested(NO_WEBRTC))
    return
  }

  show('candidates', running('Looks for addresses.'))
  const { servers, pages } = await loadIceSettings(ice)
  signal.throwIfAborted()
  show('candidates', await checkCandidates(servers, signal))
  signal.throwIfAborted()
  show('servers', running('Asks each server.'))
  show('servers', await checkServers(servers, signal))
  signal.throwIfAborted()
  if (!isReached) {
    show('meeting', notTested(NO_TRACKER))
    show('device', notTested(NO_TRACKER))
    return
  }
  show('meeting', running('Connects this page with itself.'))
  show('meeting', await checkMeeting(tracker, servers ?? [], signal))
  signal.throwIfAborted()
  startDevice(given, { servers: servers ?? [], pages: pages ?? [] }, show, showLink, signal)
}

/** @param {Given} given @param {boolean} hasWebSocket @param {(id: StepId, outcome: Outcome) => void} show @param {AbortSignal} signal */
async function runTracker(given, hasWebSocket, show, signal) {
  if (!hasWebSocket) {
    show('tracker', notTested('It needs WebSockets, which this browser does not have.'))
    return false
  }
  if (!given.tracker) {
    show(
      'tracker',
      failed('The page names no tracker.', 'Load the script from your tracker, or set the attribute tracker.')
    )
    return false
  }
  show('tracker', running('Connects with the tracker.'))
  const outcome = await checkTracker(given, signal)
  show('tracker', outcome)
  return outcome.state === 'good'
}

/**
 * @param {Given} given @param {{ servers: RTCIceServer[], pages: string[] }} settings
 * @param {(id: StepId, outcome: Outcome) => void} show @param {(link: DeviceLink) => void} showLink @param {AbortSignal} signal
 */
function startDevice({ tracker, server, swarm, states }, { servers, pages }, show, showLink, signal) {
  const isGuest = INFO_HASH.test(swarm)
  const infoHash = isGuest ? swarm : randomHex()
  const link = deviceLink({ server, tracker, infoHash })
  if (!isGuest) {
    if (link === null) {
      show('device', notTested('The page names another tracker than that of its script, so no link can be made.'))
      return
    }
    showLink({ link, pages })
  }
  meetDevices({ tracker, servers, infoHash, states }, isGuest, outcome => show('device', outcome), signal)
}
