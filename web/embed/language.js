// @ts-check
// The language of the elements of a page, which have one together: that of the first. It loads the catalog, takes the
// page's own words, and sets all texts again after a change. The element loads it for languages other than English.

import { followers } from '../common/dom.js'
import { language, setWords } from '../common/words.js'
import { connected } from './fragment.js'

/** @typedef {import('../common/words.js').Words} Words */
/** @typedef {() => Promise<{ default: Words }>} Load */

/** What the start view needs, and the rest. @type {Record<string, [start: Load, rest: Load]>} */
const CATALOGS = {
  de: [() => import('../share/words/de-start.js'), () => import('../share/words/de.js')],
  es: [() => import('../share/words/es-start.js'), () => import('../share/words/es.js')]
}

/** @param {string} lang a language tag such as `de-AT` */
export const hasCatalog = lang => Object.hasOwn(CATALOGS, languageOf(lang))

/** What is shown, or being loaded: language, words as a text, and whether the whole catalog is. */
let shown = ''
/** Resolves when the last change is shown. */
let updating = Promise.resolve()
/** Whether more than the start view is needed. */
let isUsed = false

/**
 * Takes the language and the words of the first element. Resolves when all elements show them.
 * @param {boolean} needsAll whether more than the start view is needed
 */
export function update(needsAll) {
  isUsed ||= needsAll
  const [first] = connected
  if (!first) return updating
  const lang = langOf(first)
  const own = usable(first.words)
  // React sets a new object with the same words at each rendering.
  const wanted = JSON.stringify([lang, own, isUsed])
  if (wanted !== shown) {
    shown = wanted
    // An error does not concern later changes.
    updating = updating
      .catch(() => {})
      .then(() => speak(lang, own))
      .catch(error => {
        shown = ''
        throw error
      })
  }
  return updating
}

/** @param {string} lang @param {Words} own words of the page */
async function speak(lang, own) {
  const catalog = await catalogOf(lang, isUsed).catch(() => {
    // Without its catalog the page is in English. The next change tries again.
    shown = ''
    return {}
  })
  const words = { ...catalog, ...own }
  setWords(Object.keys(words).length && isFormatted(lang) ? lang : 'en', words)
  for (const { shadowRoot } of connected) {
    if (!shadowRoot) continue
    shadowRoot.querySelector('.content')?.setAttribute('lang', language)
    redrawTexts(shadowRoot)
    shadowRoot.dispatchEvent(new CustomEvent('language', { detail: redrawTexts }))
  }
  // A check for the developer, which nobody waits for.
  if (isUsed) warnOfUnknown(Object.keys(own)).catch(() => {})
}

/** The nearest `lang`, also around shadow roots. @param {Element} element */
function langOf(element) {
  let node = /** @type {any} */ (element)
  while (node && !node.lang) node = node.parentNode ?? node.host
  return String(node?.lang ?? 'en')
}

/** Sets the texts below a node again. @param {Node} root */
function redrawTexts(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT)
  for (let node = /** @type {Node | null} */ (root); node; node = walker.nextNode())
    for (const set of followers.get(node) ?? []) set()
}

/** @param {string} lang @param {boolean} isWhole @returns {Promise<Words>} */
async function catalogOf(lang, isWhole) {
  if (!hasCatalog(lang)) return {}
  const loads = CATALOGS[languageOf(lang)]?.slice(0, isWhole ? 2 : 1) ?? []
  const parts = await Promise.all(loads.map(load => load()))
  return Object.assign({}, ...parts.map(part => part.default))
}

/** @param {string} lang */
const languageOf = lang => lang.toLowerCase().split('-')[0] ?? ''

/** Whether Intl takes a tag, which is what the page wrote. @param {string} lang */
function isFormatted(lang) {
  try {
    return Intl.PluralRules.supportedLocalesOf(lang).length > 0
  } catch {
    return false
  }
}

/** Keeps texts, and plural forms that are texts and have one for `other`. @param {unknown} own @returns {Words} */
export function usable(own) {
  /** @type {Words} */
  const words = Object.create(null)
  for (const [key, text] of Object.entries(own ?? {})) {
    if (typeof text === 'string') words[key] = text
    if (typeof text !== 'object' || typeof text?.other !== 'string') continue
    words[key] = Object.fromEntries(Object.entries(text).filter(([, form]) => typeof form === 'string'))
  }
  return words
}

/** Each text is warned about once. @type {Set<string>} */
const warned = new Set()

/** Texts that the element does not have are mistakes of the page. @param {string[]} texts */
async function warnOfUnknown(texts) {
  const known = await catalogOf('de', true)
  for (const text of texts) {
    if (Object.hasOwn(known, text) || warned.has(text)) continue
    warned.add(text)
    console.warn(`<swarm-share>: "words" has a text that the element does not have: "${text}".`)
  }
}
