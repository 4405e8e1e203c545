// @ts-check
// Counts what happened since midnight UTC. The live counters are exact, but begin with the process; the history has the
// rates of earlier processes and days. It uses no DOM and no clock.

/** @typedef {import('../../types/api-client').Schemas['HistoryResponse']} History */

const DAY_SECONDS = 86_400

/** Returns the last midnight in UTC. @param {number} at Unix seconds */
export const midnightOf = at => Math.floor(at / DAY_SECONDS) * DAY_SECONDS

/** Whether the process began since midnight. @param {{ at: number, uptime: number | null }} moment `at`: Unix seconds */
const startedToday = ({ at, uptime }) => uptime !== null && at - uptime >= midnightOf(at)

/** Returns the end of what the history must count: then the live counters begin. @param {{ at: number, uptime: number | null }} moment */
export const storedUntil = moment => (startedToday(moment) ? moment.at - (moment.uptime ?? 0) : moment.at)

/**
 * Returns how much each counter grew in a response of the history. The last step counts in part.
 * @param {Pick<History, 'step' | 'at' | 'series'>} history @param {number} until Unix seconds
 * @returns {Map<string, number>}
 */
export function growth({ step, at, series }, until) {
  const lengths = at.map(begin => Math.max(0, Math.min(step, until - begin)))
  return new Map(
    Object.entries(series).map(([name, { mean }]) => [
      name,
      lengths.reduce((sum, seconds, i) => sum + (mean[i] ?? 0) * seconds, 0)
    ])
  )
}

/**
 * Returns the count of the day, or since the start of the process if the history does not have the day.
 * @param {number | null} counter since the start of the process
 * @param {number | undefined} stored the growth from midnight to `storedUntil`, by the history
 * @param {{ at: number, uptime: number | null }} moment
 * @returns {{ count: number | null, since: 'today' | 'since the start' }}
 */
export function countOfDay(counter, stored, moment) {
  if (startedToday(moment) && counter !== null) return { count: counter + Math.round(stored ?? 0), since: 'today' }
  if (stored !== undefined) return { count: Math.round(stored), since: 'today' }
  return { count: counter, since: 'since the start' }
}
