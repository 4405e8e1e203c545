// @ts-check
// The time ranges of the charts, and the formatting of moments: 24 hours, year first. It uses no DOM.

/**
 * @typedef {{ id: string, label: string, name: string, seconds: number }} Range `seconds` is Infinity for the whole history
 */

/** The only range that works without a history. @type {Range} */
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
  { id: 'all', label: 'All', name: 'all stored history', seconds: Infinity }
]

/** @param {string | null | undefined} id */
export const rangeOf = id => RANGES.find(range => range.id === id) ?? LIVE

/** Returns the parameter `from` of a history request: negative seconds before now, or 0 for everything. @param {Range} range */
export const fromOf = ({ seconds }) => (Number.isFinite(seconds) ? -seconds : 0)

/** Returns the seconds between requests: one request per new point, and at most one per 10 s. @param {number} step */
export const refreshAfter = step => Math.min(600, Math.max(10, step))

/** @param {number} number */
const pad = number => String(number).padStart(2, '0')

/** @param {Date} date */
const dayOf = date => `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`

/** @param {Date} date */
const clockOf = date => `${pad(date.getHours())}:${pad(date.getMinutes())}`

/** Formats date and time in the local time zone. @param {number} at Unix seconds */
export function formatMoment(at) {
  const date = new Date(at * 1000)
  return `${dayOf(date)} ${clockOf(date)}:${pad(date.getSeconds())}`
}

/** Formats a moment with the precision that a range needs. @param {number} at Unix seconds @param {number} span seconds */
export function formatWithin(at, span) {
  const date = new Date(at * 1000)
  if (span <= 3600) return `${clockOf(date)}:${pad(date.getSeconds())}`
  return span <= 86_400 ? clockOf(date) : `${dayOf(date)} ${clockOf(date)}`
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/**
 * Formats a mark of the time axis: the part that changes from mark to mark, and the date at midnight.
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
