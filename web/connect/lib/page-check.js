// @ts-check
// Finds out whether this tracker serves a developer's page, from its address alone. It uses no DOM.

import { failed, good, warning } from '../../check/lib/outcomes.js'
import { isMixedContent, mixedContentOutcome, refusalOutcome } from '../../check/lib/tracker-failure.js'
import { askTracker } from '../../common/ask-tracker.js'
import { checkAddressesOf } from '../../share/lib/addresses.js'
import { isLoopback } from '../../share/lib/reach.js'

/** @typedef {import('../../check/lib/outcomes.js').Outcome} Outcome */

const ANSWER_MS_MAX = 10_000

/**
 * Returns the address of a page from what somebody entered; null: it is none. A host alone means https, on this machine http.
 * @param {string} text
 */
export function pageOf(text) {
  const entered = text.trim()
  const hasScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(entered)
  if (entered === '' || !URL.canParse(hasScheme ? entered : `https://${entered}`)) return null
  const url = new URL(hasScheme ? entered : `https://${entered}`)
  if (!hasScheme && isLoopback(url.hostname)) return new URL(`http://${entered}`)
  return /^https?:$/.test(url.protocol) ? url : null
}

/** Asks the server about a page. @param {URL} page @param {import('./snippets.js').Server} of @returns {Promise<Outcome>} */
export async function checkPage(page, { server, tracker }) {
  if (isMixedContent(tracker, page.href)) return mixedContentOutcome()
  const answer = await askTracker(checkAddressesOf(tracker, server, page.origin), AbortSignal.timeout(ANSWER_MS_MAX))
  if (!answer) return failed('The server did not answer.', 'Check again, or reload this page.')
  if (!answer.report?.address)
    return failed('Another server answered.', 'Check the rules of a proxy in front of this one.')
  const refusal = refusalOutcome(answer.report, page.origin)
  if (refusal) return refusal
  const served = `This tracker serves pages of ${page.origin}.`
  if (page.protocol === 'http:' && !isLoopback(page.hostname))
    return warning(
      `${served} But at http:// browsers switch off what file sharing needs, except on localhost.`,
      'Serve the page at https://.'
    )
  return good(served)
}
