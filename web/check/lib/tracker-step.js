// @ts-check
// Step 2: whether the tracker opens a WebSocket and answers an announce. After a failure it asks the server for the cause.

import { askTracker } from '../../common/ask-tracker.js'
import { checkAddressesOf } from '../../share/lib/addresses.js'
import { good, since } from './outcomes.js'
import { TrackerClient, TrackerError } from './tracker-client.js'
import { isMixedContent, mixedContentOutcome, saidByTracker, silentTracker } from './tracker-failure.js'
import { randomHex } from './tracker-messages.js'

const ANSWER_MS_MAX = 10_000

/**
 * @param {{ tracker: string, server: string | null, page: string, isBlocked: (address: string) => boolean }} given
 * @param {AbortSignal} signal
 * @returns {Promise<import('./outcomes.js').Outcome>}
 */
export async function checkTracker({ tracker, server, page, isBlocked }, signal) {
  if (isMixedContent(tracker, page)) return mixedContentOutcome()
  const { origin } = new URL(page)
  const client = new TrackerClient(tracker, randomHex())
  signal.addEventListener('abort', () => client.close())
  const start = performance.now()
  try {
    await client.open()
    const openMs = since(start)
    const announced = performance.now()
    await client.announce()
    return good(`A WebSocket opened in ${openMs} ms. An announce was answered in ${since(announced)} ms.`, since(start))
  } catch (thrown) {
    // The constructor throws if a policy of the page blocks the address.
    const error = thrown instanceof TrackerError ? thrown : new TrackerError('not-opened')
    const said = saidByTracker(error, origin)
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)])
    const outcome =
      said ??
      silentTracker(error, await askTracker(checkAddressesOf(tracker, server, origin), limit), {
        tracker,
        origin,
        // The page cannot learn more if only the question is blocked.
        isBlocked: isBlocked(tracker) || isBlocked(tracker.replace('ws', 'http'))
      })
    return { ...outcome, ms: since(start) }
  } finally {
    client.close()
  }
}
