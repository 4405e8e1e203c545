// @ts-check
// Formats sizes, speeds, durations, shares and counts, in the language of the page where it has one. It uses no DOM.

import { filled, language, t, words } from './words.js'

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
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false }
  return `${value.toLocaleString(language, options)} ${UNITS[unit]}`
}

/** @param {number} bytesPerSecond */
export const formatSpeed = bytesPerSecond => `${formatBytes(bytesPerSecond)}/s`

/**
 * Formats a remaining time; a longer time has less precision.
 * @param {number} seconds
 */
export function formatDuration(seconds) {
  if (!Number.isFinite(seconds) || seconds < 0) return t('unknown')
  const s = Math.ceil(seconds)
  if (s < 60) return t('{s} s', { s })
  if (s < 600 && s % 60) return t('{min} min {s} s', { min: Math.floor(s / 60), s: s % 60 })
  if (s < 3600) return t('{min} min', { min: Math.round(s / 60) })
  if (s < 86_400) return t('{h} h {min} min', { h: Math.floor(s / 3600), min: Math.floor((s % 3600) / 60) })
  const days = Math.round(s / 86_400)
  return days > 7 ? t('more than a week') : tn(days, '{n} day', '{n} days')
}

/**
 * Formats a share. Only the whole is "100 %", and only nothing is "0 %".
 * @param {number} fraction 0 to 1
 */
export function formatPercent(fraction) {
  const n = !(fraction > 0) ? 0 : fraction >= 1 ? 100 : Math.min(99, Math.max(1, Math.round(fraction * 100)))
  return t('{n} %', { n })
}

/** In English. @param {number} count @param {string} one @param {string} [many] */
export const plural = (count, one, many = `${one}s`) => `${count.toLocaleString('en')} ${count === 1 ? one : many}`

/**
 * Returns the text of a number, `{n}`, in the language of now. The key is the text for many.
 * @param {number} n @param {string} one @param {string} many in English, always literals @param {Record<string, unknown>} [values]
 */
export function tn(n, one, many, values = {}) {
  const forms = words[many]
  const text = typeof forms === 'object' ? (forms[new Intl.PluralRules(language).select(n)] ?? forms.other) : forms
  return filled(text ?? (n === 1 ? one : many), { ...values, n: n.toLocaleString(language) })
}
