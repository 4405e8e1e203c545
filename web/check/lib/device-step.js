// @ts-check
// Step 6: a second device joins the swarm of this page by a link. The device with the link makes offers; both show the result.

import { trackerOf } from '../../share/lib/addresses.js'
import { meetingFailure, meetingText } from './meeting-step.js'
import { Member, UnansweredError } from './member.js'
import { failed, good, notTested, running, STATE_TEXTS, STEP_IDS, TITLES } from './outcomes.js'

/** @typedef {import('./outcomes.js').Outcome} Outcome */
/** @typedef {import('./member.js').Meeting} Meeting */

const RETRY_MS = 5_000
/** A page that somebody forgot stops after five minutes or more. */
const TRIES_MAX = 60
const KEEP_OPEN = 'Keep this page open on both devices, and in front: browsers slow down pages in the background.'

/**
 * Returns the link for the second device, or null: the page of the server checks only the server's own tracker.
 * @param {{ server: string | null, tracker: string, infoHash: string }} given
 */
export function deviceLink({ server, tracker, infoHash }) {
  if (server === null || trackerOf(server) !== tracker) return null
  const link = new URL('check', server)
  link.search = new URL(server).search
  link.hash = infoHash
  return link.href
}

/**
 * Meets other devices until the signal aborts.
 * @param {{ tracker: string, servers: RTCIceServer[], infoHash: string, states: () => import('./exchange.js').States }} given
 * @param {boolean} isGuest whether this device opened the link
 * @param {(outcome: Outcome) => void} show @param {AbortSignal} signal
 */
export async function meetDevices(given, isGuest, show, signal) {
  const member = new Member(given, signal)
  /** @type {Meeting[]} */
  const met = []
  const showMeeting = (/** @type {Meeting} */ meeting) => {
    met.push(meeting)
    show(devicesOutcome(met))
  }
  const showFailure = (/** @type {unknown} */ error) => {
    if (met.length === 0 && !signal.aborted) show(deviceFailure(error))
  }
  member.onMeeting = showMeeting
  member.onFailure = showFailure
  member.onEnd = () => {
    if (met.length === 0) show(failed('The connection to the tracker ended.', 'Check again.'))
  }
  show(isGuest ? running('Looks for the other device.') : notTested('Waits for the second device.'))
  try {
    await member.join()
    for (let tries = 0; isGuest && met.length === 0 && tries < TRIES_MAX && !signal.aborted; tries++) {
      await member.offer().then(showMeeting, showFailure)
      if (met.length === 0) await pause(RETRY_MS, signal)
    }
  } catch (error) {
    showFailure(error)
  }
}

/** @param {Meeting[]} meetings with other devices, at least one @returns {Outcome} */
export function devicesOutcome(meetings) {
  const [first] = meetings
  if (first && meetings.length === 1) return good(meetingText(first), first.connectMs, [reported(first)])
  const lines = meetings.map((meeting, at) => `Device ${at + 1}: ${meetingText(meeting)} ${reported(meeting)}`)
  return good(`${meetings.length} devices connected.`, first?.connectMs, lines)
}

/** Says what the other device found. @param {Meeting} meeting */
function reported({ states }) {
  const bad = STEP_IDS.flatMap(id => {
    const state = states[id]
    return state === 'failed' || state === 'warning' ? [`${TITLES[id]}: ${STATE_TEXTS[state]}`] : []
  })
  return bad.length ? `The other device reports: ${bad.join('; ')}.` : 'The other device reports no problem.'
}

/** @param {unknown} error */
export function deviceFailure(error) {
  if (!(error instanceof UnansweredError)) return meetingFailure(error)
  return error.members > 1
    ? failed('The other device is in the swarm, but it does not answer yet.', KEEP_OPEN)
    : failed(
        'The other device is not there. Its page may be closed, or its check did not reach the tracker.',
        KEEP_OPEN
      )
}

/** @param {number} ms @param {AbortSignal} signal */
const pause = (ms, signal) =>
  new Promise(resolve => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve(undefined)
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end)
  })
