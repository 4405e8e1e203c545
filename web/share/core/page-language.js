// @ts-check
// The language of the sharing page: the first that the visitor's browser prefers and that has a catalog. It sets the
// language before the element starts, and the texts of the page itself when the catalog is there.

import { words } from '../../common/words.js'
import { hasCatalog, update } from '../../embed/language.js'

const isEnglish = (/** @type {string} */ tag) => /^en\b/i.test(tag)
const root = document.documentElement
root.lang = navigator.languages.find(tag => isEnglish(tag) || hasCatalog(tag)) ?? root.lang

/** Translates the page around the element. Resolves to its title. @returns {Promise<string>} */
export async function translatePage() {
  const { title } = document
  if (isEnglish(root.lang)) return title
  await update(true)
  for (const element of document.querySelectorAll('[data-words]'))
    element.textContent = translated(element.textContent ?? '')
  for (const element of document.querySelectorAll('[data-label-words]'))
    element.setAttribute('aria-label', translated(element.getAttribute('aria-label') ?? ''))
  return translated(title)
}

/** @param {string} text of index.html */
function translated(text) {
  const own = words[text]
  return typeof own === 'string' ? own : text
}
