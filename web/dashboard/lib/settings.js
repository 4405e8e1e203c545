// @ts-check
// The logic of the settings form: sections, the text of each field, changes as TOML, and errors by field. It uses no
// DOM.

import { AMOUNT_EXAMPLES, readAmount, writeAmount } from './amounts.js'
import { plainDoc } from './numbers.js'
import { tomlText } from './toml.js'

/** @typedef {import('./amounts.js').Measure} Measure */
/** @typedef {import('../../types/api-client').Schemas} Schemas */
/** @typedef {Schemas['SettingReport']} Setting */
/** @typedef {Schemas['SectionReport']} Section */
/** @typedef {{ toml: string | null, words: string }} Change `toml` null: the default; `words`: for people */

/** The section of settings without a section. */
export const GENERAL = 'general'

/** Groups the settings by section, in the order of the server. @param {Setting[]} settings @param {Section[]} sections @returns {Array<Section & { settings: Setting[] }>} */
export function groupsOf(settings, sections) {
  const all = [{ name: GENERAL, doc: 'The most common settings.' }, ...sections]
  return all
    .map(section => ({
      ...section,
      settings: settings.filter(setting => (setting.section ?? GENERAL) === section.name)
    }))
    .filter(({ settings }) => settings.length > 0)
}

/** @param {Setting['kind']} kind @returns {kind is Measure} */
const isMeasure = kind => kind !== 'switch' && kind !== 'text'

/** Formats a value for its field: a list has an entry on each line. @param {Setting} setting @param {Setting['plain']} value */
function fieldText({ kind }, value) {
  const one = (/** @type {string | number | boolean} */ value) =>
    isMeasure(kind) ? writeAmount(Number(value), kind) : String(value)
  if (value === null) return ''
  return Array.isArray(value) ? value.map(one).join('\n') : one(value)
}

/** Returns the initial text of a field; it is empty for a secret. @param {Setting} setting */
export const shownOf = setting => (setting.secret ? '' : fieldText(setting, setting.plain))

/** Returns the text of a field with the default. @param {Setting} setting */
export const defaultOf = setting => fieldText(setting, setting.default_plain)

/** Describes the default. @param {Setting} setting */
export const defaultText = setting => valueText(setting, defaultOf(setting))

/** @param {Setting} setting @param {string} text of its field */
function valueText({ kind, many }, text) {
  if (kind === 'switch' && text) return text === 'true' ? 'on' : 'off'
  return text.split('\n').join(', ') || (many ? 'none' : 'not set')
}

/** Describes the allowed range; empty if the description contains it. @param {Setting} setting */
export function boundsText({ kind, bounds, doc }) {
  if (!bounds || plainDoc({ doc }).toLowerCase().includes(bounds.toLowerCase())) return ''
  const range = rangeOf(bounds)
  if (!isMeasure(kind) || !range) return `${/^\d/.test(bounds) ? 'From ' : ''}${bounds}.`
  return `From ${range.map(value => writeAmount(value, kind)).join(' to ')}.`
}

/** @param {string} bounds @returns {[number, number] | null} */
function rangeOf(bounds) {
  const [, from, to] = /^(-?[\d.]+) to (-?[\d.]+)$/.exec(bounds) ?? []
  return from === undefined || to === undefined ? null : [Number(from), Number(to)]
}

/** Parses the text of a field. @param {Setting} setting @param {string} text @returns {Change} @throws {Error} with a message for the user */
export function parseField(setting, text) {
  const { kind, many } = setting
  const entries = (many ? text.split('\n') : [text]).map(entry => entry.trim()).filter(Boolean)
  const words = valueText(setting, entries.join('\n'))
  if (many) return { toml: `[${entries.map(entry => entryToml(setting, entry)).join(', ')}]`, words }
  const [entry] = entries
  if (entry === undefined) return { toml: null, words: defaultText(setting) }
  const toml = entryToml(setting, entry)
  return { toml, words: isMeasure(kind) ? writeAmount(Number(toml), kind) : words }
}

/** @param {Setting} setting @param {string} entry */
function entryToml({ kind, bounds }, entry) {
  if (kind === 'switch') return entry
  if (!isMeasure(kind)) return tomlText(entry)
  const value = readAmount(entry, kind)
  if (!Number.isFinite(value)) throw new Error(`“${entry}” is not understood: ${AMOUNT_EXAMPLES[kind]}.`)
  if (kind !== 'seconds' && !Number.isInteger(value))
    throw new Error(`“${entry}” is not a whole number${kind === 'bytes' ? ' of bytes' : ''}.`)
  const range = rangeOf(bounds)
  if (range && (value < range[0] || value > range[1]))
    throw new Error(
      `${writeAmount(value, kind)} is out of range: it may be from ${range.map(value => writeAmount(value, kind)).join(' to ')}.`
    )
  return String(value)
}

/**
 * Returns the fields that differ from the current value, and the errors of fields that cannot be parsed.
 * @param {Setting[]} settings @param {(key: string) => string | undefined} textOf
 */
export function changesOf(settings, textOf) {
  /** @type {Map<string, Change>} */
  const changes = new Map()
  /** @type {Map<string, string>} */
  const errors = new Map()
  for (const setting of settings) {
    const { key, live, secret } = setting
    const text = textOf(key)
    // Secrets cannot be changed at runtime.
    if (!live || secret || text === undefined || text.trim() === shownOf(setting)) continue
    try {
      const now = parseField(setting, text)
      if ((now.toml ?? setting.default) !== parseField(setting, shownOf(setting)).toml) changes.set(key, now)
    } catch (error) {
      errors.set(key, /** @type {Error} */ (error).message)
    }
  }
  return { changes, errors }
}

/** @param {Setting[]} settings @param {Map<string, Change>} changes */
export const changeTexts = (settings, changes) =>
  [...changes].map(([key, { words }]) => {
    const setting = settings.find(setting => setting.key === key)
    return `${key}: ${setting ? valueText(setting, shownOf(setting)) : 'not set'} → ${words}`
  })

/** Whether a setting matches all words of a search. @param {Setting} setting @param {string} words */
export function isFound({ key, doc, section }, words) {
  const text = `${key} ${section ?? GENERAL} ${plainDoc({ doc })}`.toLowerCase()
  return words
    .toLowerCase()
    .split(/\s+/)
    .every(word => text.includes(word))
}

/**
 * Assigns errors to the fields that they name; the rest belongs to the form.
 * @param {string[]} errors @param {string[]} keys
 */
export function errorsByField(errors, keys) {
  /** @type {Map<string, string>} */
  const fields = new Map()
  const rest = []
  // The longest first, because a key can be the start of another one: `origin` and `origin_denied`.
  const known = [...keys].sort((a, b) => b.length - a.length)
  for (const error of errors) {
    const named = known.filter(key =>
      new RegExp(`(^|[^a-z0-9_.])${key.replaceAll('.', '\\.')}($|[^a-z0-9_])`).test(error)
    )
    if (named.length === 0) rest.push(error)
    for (const key of named) fields.set(key, [fields.get(key), error].filter(Boolean).join(' '))
  }
  return { fields, rest }
}
