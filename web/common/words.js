// @ts-check
// The texts in the language of the page, by the English texts. embed/language.js sets them.

/** Texts by English text, or the plural forms of one. @typedef {Record<string, string | Record<string, string>>} Words */

/** @type {Words} */
export let words = {}
/** For Intl. */
export let language = 'en'

/** @param {string} tag @param {Words} texts */
export function setWords(tag, texts) {
  language = tag
  words = texts
}

/** @param {string} text in English, always a literal @param {Record<string, unknown>} [values] of its placeholders */
export function t(text, values = {}) {
  const own = words[text]
  return filled(typeof own === 'string' ? own : text, values)
}

/** Placeholders without values stay. @param {string} text @param {Record<string, unknown>} values */
export const filled = (text, values) =>
  text.replace(/\{(\w+)\}/g, (all, name) => (Object.hasOwn(values, name) ? String(values[name]) : all))
