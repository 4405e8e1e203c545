// @ts-check
// Exponential backoff with jitter. The random number is an argument. The tracker connection and repeated announces use it.

const FIRST_MS = 2_000
const LONGEST_MS = 60_000

/**
 * Returns the milliseconds before retry number `attempt`, from 0.
 * @param {number} attempt @param {number} random 0 to 1
 */
export function retryDelay(attempt, random) {
  const base = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 20))
  // Up to a quarter more, so that the clients of a restarted tracker do not return at once.
  return Math.round(base * (1 + random / 4))
}
