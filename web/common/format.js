// @ts-check
// Turns numbers into the words that people read: sizes, speeds, times, counts. Knows no DOM and no locale
// but English; used by every element that shows a number.

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/**
 * A size in powers of 1000, as disks and networks count: three digits that matter.
 * @param {number} bytes
 */
export function formatBytes(bytes) {
  if (!Number.isFinite(bytes) || bytes < 0) return '–'
  let value = Math.round(bytes)
  let unit = 0
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit++
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  return `${value.toFixed(digits)} ${UNITS[unit]}`
}

/** @param {number} bytesPerSecond */
export const formatSpeed = bytesPerSecond => `${formatBytes(bytesPerSecond)}/s`

/**
 * A remaining time, coarser the longer it is. Nothing is promised beyond a week.
 * @param {number} seconds
 */
export function formatDuration(seconds) {
  if (!Number.isFinite(seconds) || seconds < 0) return 'unknown'
  const s = Math.ceil(seconds)
  if (s < 60) return `${s} s`
  if (s < 3600) return s < 600 && s % 60 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${Math.round(s / 60)} min`
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`
  const days = Math.round(s / 86_400)
  return days > 7 ? 'more than a week' : plural(days, 'day')
}

/**
 * A share of a whole that says "100 %" only when all is there and "0 %" only when nothing is.
 * @param {number} fraction 0 to 1
 */
export function formatPercent(fraction) {
  if (!(fraction > 0)) return '0 %'
  if (fraction >= 1) return '100 %'
  return `${Math.min(99, Math.max(1, Math.round(fraction * 100)))} %`
}

/** @param {number} count @param {string} one @param {string} [many] */
export const plural = (count, one, many = `${one}s`) => `${count.toLocaleString('en')} ${count === 1 ? one : many}`
