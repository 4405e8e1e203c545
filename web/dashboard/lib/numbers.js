// @ts-check
// Formats the numbers of the statistics by the unit of their series: counts, rates, times and shares. It uses no DOM and
// no clock.

import { formatBytes } from '../../common/format.js'

/** @typedef {import('../../types/api-client').Schemas['SeriesDescription']} Series */

/** Returns the description of a series without the backticks around settings. @param {Pick<Series, 'doc'>} series */
export const plainDoc = ({ doc }) => doc.replaceAll('`', '').trim()

/** Replaces an unknown number. */
export const UNKNOWN = '–'

/** @param {unknown} value @returns {value is number} */
export const isKnown = value => typeof value === 'number' && Number.isFinite(value)

/** Formats a count: exact up to a million, then with three significant digits. @param {number | null | undefined} value */
export function formatCount(value) {
  if (!isKnown(value)) return UNKNOWN
  const size = Math.abs(value)
  if (size >= 999_500) return shorten(value)
  if (Number.isInteger(value) || size >= 100) return Math.round(value).toLocaleString('en')
  return String(Number(value.toPrecision(2)))
}

/** @param {number} value */
function shorten(value) {
  const steps = /** @type {const} */ ([
    [1e12, 'T'],
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k']
  ])
  const [step, letter] = steps.find(([step]) => Math.abs(value) >= step * 0.9995) ?? [1, '']
  return `${Number((value / step).toPrecision(3))}${letter && ` ${letter}`}`
}

/** Formats a duration, from microseconds to days. @param {number | null | undefined} seconds */
export function formatSeconds(seconds) {
  if (!isKnown(seconds)) return UNKNOWN
  const size = Math.abs(seconds)
  if (size === 0) return '0 s'
  if (size < 0.9995e-3) return `${digits(seconds * 1e6)} µs`
  if (size < 0.9995) return `${digits(seconds * 1e3)} ms`
  if (size < 60) return `${digits(seconds)} s`
  if (size < 3600) return two(seconds, 60, 'min', 1, 's')
  if (size < 86_400) return two(seconds, 3600, 'h', 60, 'min')
  return two(seconds, 86_400, 'd', 3600, 'h')
}

/** @param {number} value */
const digits = value => (Math.abs(value) >= 99.95 ? value.toFixed(0) : String(Number(value.toPrecision(2))))

/** @param {number} seconds @param {number} large @param {string} name @param {number} small @param {string} rest */
function two(seconds, large, name, small, rest) {
  const sign = seconds < 0 ? '−' : ''
  const whole = Math.floor(Math.abs(seconds) / large)
  const part = Math.floor((Math.abs(seconds) % large) / small)
  return `${sign}${whole} ${name}${part ? ` ${part} ${rest}` : ''}`
}

/** Formats a share as a percentage. @param {number | null | undefined} value */
export function formatRatio(value) {
  if (!isKnown(value)) return UNKNOWN
  const percent = value * 100
  const text =
    (percent > 0 && percent < 10) || (percent > 99 && percent < 100) ? percent.toFixed(1) : percent.toFixed(0)
  // Less than the whole never shows as 100 %.
  return `${percent < 100 && text === '100.0' ? '99.9' : text} %`
}

/**
 * Formats the value of a series. The value of a counter is a rate per second.
 * @param {number | null | undefined} value @param {Pick<Series, 'kind' | 'unit'>} series
 */
export function formatValue(value, { kind, unit }) {
  if (!isKnown(value)) return UNKNOWN
  // Seconds per second are a number without a unit.
  if (unit === 'seconds') return kind === 'counter' ? formatCount(value) : formatSeconds(value)
  if (unit === 'ratio') return formatRatio(value)
  const text = unit === 'bytes' ? formatBytes(value) : formatCount(value)
  return kind === 'counter' ? `${text}/s` : text
}

/** Formats a mark of an axis: like `formatValue`, without trailing zeros. @param {number} value @param {Pick<Series, 'kind' | 'unit'>} series */
export const formatMark = (value, series) => formatValue(value, series).replace(/^(\d+)\.0+(?= )/, '$1')

/** Formats an age. @param {number} seconds */
export function formatAge(seconds) {
  if (seconds < 1.5) return 'just now'
  return `${seconds < 60 ? `${Math.floor(seconds)} s` : formatSeconds(Math.floor(seconds))} ago`
}
