// @ts-check
// When to try again: soon at first, later more rarely, never all at the same moment. Knows no clock and
// no random source: both come in. Used for the tracker and for repeated announces.

const FIRST_MS = 2_000
const LONGEST_MS = 60_000

/**
 * Milliseconds before attempt number `attempt` (0 is the first retry).
 * @param {number} attempt @param {number} random 0 to 1
 */
export function retryDelay(attempt, random) {
  const base = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 20))
  // Up to a quarter more, so that the users of a restarted tracker spread out.
  return Math.round(base * (1 + random / 4))
}
