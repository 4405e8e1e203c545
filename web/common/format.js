// @ts-check
// Formats sizes, speeds, durations, shares and counts in English. It uses no DOM.

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/**
 * Formats a size in powers of 1000 with three significant digits.
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
 * Formats a remaining time; a longer time has less precision.
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
 * Formats a share. Only the whole is "100 %", and only nothing is "0 %".
 * @param {number} fraction 0 to 1
 */
export function formatPercent(fraction) {
  if (!(fraction > 0)) return '0 %'
  if (fraction >= 1) return '100 %'
  return `${Math.min(99, Math.max(1, Math.round(fraction * 100)))} %`
}

/** @param {number} count @param {string} one @param {string} [many] */
export const plural = (count, one, many = `${one}s`) => `${count.toLocaleString('en')} ${count === 1 ? one : many}`
