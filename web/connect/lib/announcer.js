// @ts-check
// Announces to the tracker for one snippet after another, as a page with this code would, and tells what came of it. One
// WebSocket is open at a time, and none while the page is hidden. It uses no DOM but the state of the document.

import { good, since, warning } from '../../check/lib/outcomes.js'
import { checkTracker } from '../../check/lib/tracker-step.js'
import { watchPolicy } from '../../common/policy.js'

/** @typedef {import('../../check/lib/outcomes.js').Outcome} Outcome */
/** @typedef {import('./snippets.js').Address} Address */
/** @typedef {{ uses: Address[], show: (outcome: Outcome) => void }} Watched `uses`: what its code loads from the server */

/** Between two announces after the first round: each costs the tracker a handshake, and counts against its limits. */
const WAIT_MS = 10_000
const LOAD_MS_MAX = 10_000

/** Announces for each of `all` at once, then again and again. @param {Watched[]} all @param {import('./snippets.js').Server} of @param {AbortSignal} signal */
export async function announceFor(all, of, signal) {
  const isBlocked = watchPolicy(signal)
  for (let turn = 0; !signal.aborted && all.length > 0; turn++) {
    if (turn >= all.length) await pause(signal)
    await untilVisible(signal)
    const watched = /** @type {Watched} */ (all[turn % all.length])
    watched.show(await announceOnce(watched.uses, { ...of, isBlocked }, signal))
  }
}

/**
 * @param {Address[]} uses @param {import('./snippets.js').Server & { isBlocked: (address: string) => boolean }} of
 * @param {AbortSignal} signal @returns {Promise<Outcome>}
 */
async function announceOnce(uses, { tracker, server, isBlocked }, signal) {
  const outcome = await checkTracker({ tracker, server, page: location.href, isBlocked }, signal)
  if (outcome.state !== 'good') return outcome
  for (const { label, text } of uses) {
    const problem = await problemOf(text, signal)
    if (problem)
      return warning(
        `Announced, but ${label} could not be loaded: ${problem}.`,
        'Reload this page, or ask the operator.'
      )
  }
  return good(`Announced, answered in ${outcome.ms} ms.`, outcome.ms)
}

/** Loads an address; returns why it failed, or null. @param {string} address @param {AbortSignal} signal */
async function problemOf(address, signal) {
  const start = performance.now()
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(LOAD_MS_MAX)])
    const { ok, status } = await fetch(address, { cache: 'no-cache', signal: limit })
    return ok ? null : `the server answers with status ${status}`
  } catch {
    return `no answer within ${since(start)} ms`
  }
}

/** @param {AbortSignal} signal */
const pause = signal =>
  new Promise(resolve => {
    setTimeout(resolve, WAIT_MS)
    signal.addEventListener('abort', resolve, { once: true })
  })

/** @param {AbortSignal} signal */
const untilVisible = signal =>
  new Promise(resolve => {
    const look = () => {
      if (document.visibilityState === 'hidden' && !signal.aborted) return
      document.removeEventListener('visibilitychange', look)
      resolve(null)
    }
    document.addEventListener('visibilitychange', look)
    signal.addEventListener('abort', look, { once: true })
    look()
  })
