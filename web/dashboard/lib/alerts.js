// @ts-check
// Texts about alert rules and their values, and the validation of a rule. It uses no DOM.

import { formatSeconds, formatValue, isKnown, UNKNOWN } from './numbers.js'

/** @typedef {import('./numbers.js').Series} Series */
/** @typedef {import('../../types/api-client').Schemas} Schemas */
/** @typedef {Omit<Schemas['AlertRule'], 'name'>} RuleBody */
/** @typedef {Schemas['RuleView']} Rule */

/**
 * Whether the value of a rule is a percentage, as in notifications: a ratio, or a quotient of two series of the same unit.
 * @param {Pick<RuleBody, 'series' | 'of' | 'threshold'>} rule @param {Series[]} series
 */
export function isInPercent({ series: name, of, threshold }, series) {
  const [known, whole] = [name, of].map(name => series.find(one => one.name === name))
  if (!of) return known?.unit === 'ratio'
  return known !== undefined && known.unit === whole?.unit && known.kind === whole.kind && Math.abs(threshold) <= 1
}

/** Converts a ratio for a field in percent. @param {number} value */
export const toPercent = value => Number((value * 100).toPrecision(12))

/** @param {number} percent */
export const fromPercent = percent => Number((percent / 100).toPrecision(12))

/**
 * Formats the value of a rule: a value of its series, or the quotient of two series. A threshold has more digits.
 * @param {number | null} value @param {Pick<RuleBody, 'series' | 'of' | 'threshold'>} rule @param {Series[]} series @param {number} [digits]
 */
export function valueText(value, rule, series, digits = 2) {
  if (!isKnown(value)) return UNKNOWN
  const known = series.find(one => one.name === rule.series)
  const isExact = digits > 2
  if (known && !rule.of && !(isExact && known.unit === 'ratio')) return formatValue(value, known)
  return isInPercent(rule, series)
    ? `${Number((value * 100).toPrecision(digits))} %`
    : String(Number(value.toPrecision(digits)))
}

/**
 * Returns the current value of a rule, or null if it is unknown.
 * @param {Pick<RuleBody, 'series' | 'of' | 'of_min'>} rule @param {(name: string) => number | null} now the value of a gauge, or the rate of a counter
 */
export function readingOf({ series, of, of_min: least = 0 }, now) {
  const value = now(series)
  if (!of || value === null) return value
  const whole = now(of)
  return whole !== null && whole > 0 && whole >= least ? value / whole : null
}

/** Describes what a rule would do now. @param {number | null} value @param {RuleBody} rule @returns {string} */
export function verdictText(value, { comparison, threshold, for: wait, enabled }) {
  if (!Number.isFinite(threshold)) return ''
  if (!isKnown(value)) return 'Whether it would fire is not known.'
  const isBeyond = comparison === '>' ? value > threshold : value < threshold
  if (!isBeyond) return 'It would not fire now.'
  const when = wait > 0 ? `It would fire if this lasts for ${formatSeconds(wait)}` : 'It would fire now'
  return enabled ? `${when}.` : `${when}, but it is off.`
}

/** @param {Pick<RuleBody, 'series' | 'of' | 'comparison' | 'threshold' | 'for'>} rule @param {Series[]} series */
export function ruleText(rule, series) {
  const what = rule.of ? `${rule.series} / ${rule.of}` : rule.series
  const wait = rule.for > 0 ? ` for ${formatSeconds(rule.for)}` : ''
  return `${what} is ${rule.comparison === '>' ? 'over' : 'under'} ${valueText(rule.threshold, rule, series, 6)}${wait}`
}

/** Validates a rule before it is sent: returns an error for each invalid field. @param {string} name @param {RuleBody} rule @returns {Record<string, string>} */
export function ruleErrors(name, rule) {
  /** @type {Record<string, string>} */
  const errors = {}
  if (!/^[a-z0-9_]{1,64}$/.test(name)) errors.name = 'A name has 1 to 64 lower-case letters, digits and underscores.'
  for (const key of /** @type {const} */ (['threshold', 'clear']))
    if (!Number.isFinite(rule[key])) errors[key] = 'This is not a number.'
  if (rule.of && !(Number(rule.of_min) >= 0)) errors.of_min = 'A number, 0 or more.'
  for (const key of /** @type {const} */ (['for', 'keep_firing']))
    if (!Number.isFinite(rule[key]) || rule[key] < 0) errors[key] = 'Seconds, 0 or more.'
  if (
    !errors.threshold &&
    !errors.clear &&
    (rule.comparison === '>' ? rule.clear > rule.threshold : rule.clear < rule.threshold)
  ) {
    errors.clear = `It must be ${rule.comparison === '>' ? 'at most' : 'at least'} the threshold, or the alert would end before it starts.`
  }
  return errors
}
