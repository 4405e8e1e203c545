// @ts-check
// Finds the sections of the documentation that contain all words of a query. Headings count more than text, the
// beginning of a word more than its inside.

/** @typedef {{ id: string, heading: string, text: string }} Section */
/** One page of the index. `path` is relative to /docs/. @typedef {{ path: string, title: string, sections: Section[] }} Page */
/** @typedef {{ href: string, page: string, heading: string, excerpt: string }} Hit */

/** Hits that are shown. */
const HITS_MAX = 12
/** Characters of the text around the first found word. */
const EXCERPT_CHARS = 110
const EXCERPT_BEFORE = 30

const WEIGHTS = { title: 6, heading: 10, text: 1 }
/** What each further occurrence in the text adds, up to a maximum: a section about something names it often. */
const REPEATED = 0.25
const REPEATS_MAX = 4
/** A whole word counts three times as much as letters inside a word, the beginning of one twice. */
const PLACE_WHOLE = 3
const PLACE_BEGIN = 2
const PLACE_INSIDE = 1

/** @param {string} query */
export const wordsOf = query => query.toLowerCase().split(/\s+/).filter(Boolean)

/** @param {string | undefined} character */
const isLetter = character => character !== undefined && /[\p{L}\p{N}_]/u.test(character)

/** @param {string} text @param {string} word */
const repeatsOf = (text, word) => Math.max(0, Math.min(text.split(word).length - 2, REPEATS_MAX))

/** How well a lower-case text contains a word; 0 if it does not. @param {string} text @param {string} word */
function placeOf(text, word) {
  let best = 0
  for (let at = text.indexOf(word); at >= 0 && best < PLACE_WHOLE; at = text.indexOf(word, at + 1)) {
    const begins = !isLetter(text[at - 1])
    const ends = !isLetter(text[at + word.length])
    const place = begins && ends ? PLACE_WHOLE : begins ? PLACE_BEGIN : PLACE_INSIDE
    best = Math.max(best, place)
  }
  return best
}

/** The score of a section, 0 if it lacks a word. @param {string[]} words @param {string} title @param {Section} section */
function scoreOf(words, title, section) {
  const heading = section.heading.toLowerCase()
  const text = section.text.toLowerCase()
  let score = 0
  // A word of the title alone would find every section of the page.
  let isInSection = false
  for (const word of words) {
    const inTitle = WEIGHTS.title * placeOf(title, word)
    const inText = WEIGHTS.text * placeOf(text, word) + REPEATED * repeatsOf(text, word)
    const inSection = WEIGHTS.heading * placeOf(heading, word) + inText
    if (!inTitle && !inSection) return 0
    isInSection ||= inSection > 0
    score += inTitle + inSection
  }
  return isInSection ? score : 0
}

/** The text around the first word that it contains. @param {string} text @param {string[]} words */
export function excerptOf(text, words) {
  const lower = text.toLowerCase()
  const places = words.map(word => lower.indexOf(word)).filter(at => at >= 0)
  let start = Math.max(0, Math.min(...(places.length ? places : [0])) - EXCERPT_BEFORE)
  // From the beginning of a word.
  if (start > 0) start = text.indexOf(' ', start) + 1 || start
  const part = text.slice(start, start + EXCERPT_CHARS)
  return `${start > 0 ? '… ' : ''}${part}${start + EXCERPT_CHARS < text.length ? ' …' : ''}`
}

/**
 * Returns the best sections for a query, the best first.
 * @param {Page[]} pages @param {string} query @returns {Hit[]}
 */
export function search(pages, query) {
  const words = wordsOf(query)
  if (!words.length) return []
  const found = []
  for (const { path, title, sections } of pages) {
    const lowerTitle = title.toLowerCase()
    for (const [at, section] of sections.entries()) {
      const score = scoreOf(words, lowerTitle, section)
      if (!score) continue
      const href = at === 0 ? path : `${path}#${section.id}`
      const excerpt = excerptOf(section.text, words)
      found.push({ score, hit: { href, page: title, heading: section.heading, excerpt } })
    }
  }
  // The sort is stable: equal hits stay in the order of the menu.
  found.sort((one, other) => other.score - one.score)
  return found.slice(0, HITS_MAX).map(({ hit }) => hit)
}
