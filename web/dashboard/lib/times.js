// @ts-check
// The time ranges of the charts, and how moments are written: always 24 hours, always year first. Knows no DOM.

/**
 * @typedef {{ id: string, label: string, name: string, seconds: number }} Range `seconds` is Infinity for everything there is
 */

/** The range that needs no history. @type {Range} */
export const LIVE = { id: 'live', label: 'Live', name: 'the last 5 minutes', seconds: 300 }

/** @type {Range[]} */
export const RANGES = [
  LIVE,
  { id: '1h', label: '1 h', name: 'the last hour', seconds: 3600 },
  { id: '6h', label: '6 h', name: 'the last 6 hours', seconds: 6 * 3600 },
  { id: '24h', label: '24 h', name: 'the last 24 hours', seconds: 86_400 },
  { id: '7d', label: '7 d', name: 'the last 7 days', seconds: 7 * 86_400 },
  { id: '30d', label: '30 d', name: 'the last 30 days', seconds: 30 * 86_400 },
  { id: '1y', label: '1 y', name: 'the last year', seconds: 365 * 86_400 },
  { id: 'all', label: 'All', name: 'all the time that is kept', seconds: Infinity }
]

/** @param {string | null | undefined} id */
export const rangeOf = id => RANGES.find(range => range.id === id) ?? LIVE

/** What the history is asked for as `from`: seconds before now are negative, 0 is the beginning of all. @param {Range} range */
export const fromOf = ({ seconds }) => (Number.isFinite(seconds) ? -seconds : 0)

/** Seconds until a range is asked for anew: as often as it gets a new point, and not more often than every 10 s. @param {number} step */
export const refreshAfter = step => Math.min(600, Math.max(10, step))

/** @param {number} number */
const pad = number => String(number).padStart(2, '0')

/** @param {Date} date */
const dayOf = date => `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`

/** @param {Date} date */
const clockOf = date => `${pad(date.getHours())}:${pad(date.getMinutes())}`

/** A moment in full, in the time zone of the reader. @param {number} at Unix seconds */
export function formatMoment(at) {
  const date = new Date(at * 1000)
  return `${dayOf(date)} ${clockOf(date)}:${pad(date.getSeconds())}`
}

/** Only as much of a moment as a range needs. @param {number} at Unix seconds @param {number} span seconds */
export function formatWithin(at, span) {
  const date = new Date(at * 1000)
  if (span <= 3600) return `${clockOf(date)}:${pad(date.getSeconds())}`
  return span <= 86_400 ? clockOf(date) : `${dayOf(date)} ${clockOf(date)}`
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/**
 * A mark on the time axis: what changes from mark to mark, and the day where one begins.
 * @param {number} at Unix seconds @param {number} increment seconds from mark to mark
 */
export function formatMark(at, increment) {
  const date = new Date(at * 1000)
  const month = MONTHS[date.getMonth()] ?? ''
  if (increment >= 28 * 86_400) return date.getMonth() === 0 ? String(date.getFullYear()) : month
  const isMidnight = date.getHours() === 0 && date.getMinutes() === 0 && date.getSeconds() === 0
  if (increment >= 86_400 || isMidnight) return `${date.getDate()} ${month}`
  return increment < 60 ? `${clockOf(date)}:${pad(date.getSeconds())}` : clockOf(date)
}
