// @ts-check
// Step 5: whether two connections of this page meet through the tracker, and how fast 1 MB moves between them.

import { formatSpeed } from '../../common/format.js'
import { PATH_TEXTS } from '../../share/lib/connection-path.js'
import { ConnectError, ServersError } from './connection.js'
import { BYTES } from './exchange.js'
import { Member, UnansweredError } from './member.js'
import { failed, good, listRefused, since } from './outcomes.js'
import { TrackerError } from './tracker-client.js'
import { randomHex } from './tracker-messages.js'

/** @param {string} tracker @param {RTCIceServer[]} servers @param {AbortSignal} signal */
export async function checkMeeting(tracker, servers, signal) {
  const start = performance.now()
  const ends = new AbortController()
  const both = AbortSignal.any([signal, ends.signal])
  const infoHash = randomHex()
  const [one, other] = [1, 2].map(() => new Member({ tracker, servers, infoHash, states: () => ({}) }, both))
  try {
    await one?.join()
    await other?.join()
    const meeting = /** @type {import('./member.js').Meeting} */ (await other?.offer())
    return good(meetingText(meeting), meeting.connectMs)
  } catch (error) {
    return { ...meetingFailure(error), ms: since(start) }
  } finally {
    ends.abort()
  }
}

/** @param {import('./member.js').Meeting} meeting */
export const meetingText = ({ connectMs, path, megabyteMs }) =>
  `Connected in ${connectMs} ms (${PATH_TEXTS[path]()}). 1 MB moved at ${formatSpeed((BYTES / megabyteMs) * 1000)}.`

/** Explains why two browsers did not meet. @param {unknown} error */
export function meetingFailure(error) {
  if (error instanceof UnansweredError)
    return failed(
      'The offer of one connection got no answer through the tracker.',
      'Check again. If it stays like this, the operator of the tracker sees in the dashboard whether offers are limited.'
    )
  if (error instanceof ConnectError)
    return failed(`The tracker introduced both sides, but they could not connect. ${error.message}`, error.remedy)
  if (error instanceof ServersError) return listRefused()
  if (error instanceof TrackerError)
    return failed(
      `The tracker ended the test: ${error.reason || 'no response'}.`,
      'It may have a limit of connections or swarms for your address. Wait a minute and check again.'
    )
  return failed(
    `Both sides connected, but the data did not arrive: ${/** @type {Error} */ (error).message}.`,
    'The network is very slow, or it blocks the data of connections. Try another network.'
  )
}
