// @ts-check
// Sorts, filters and pages the rows of a table that has all of them. It uses no DOM.

/** @typedef {string | number | boolean | null | undefined} Value */
/** @typedef {'asc' | 'desc'} Order */

/** Returns the rows whose texts contain all words, in any case. @template T @param {T[]} rows @param {string} words @param {(row: T) => string[]} texts */
export function filtered(rows, words, texts) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean)
  if (wanted.length === 0) return rows
  return rows.filter(row => {
    const text = texts(row).join('\n').toLowerCase()
    return wanted.every(word => text.includes(word))
  })
}

/** Sorts numbers by value and texts in natural order. Unknown values are last in both orders. @template T @param {T[]} rows @param {(row: T) => Value} value @param {Order} order */
export function sorted(rows, value, order) {
  const sign = order === 'desc' ? -1 : 1
  return rows
    .map(row => ({ row, key: value(row) }))
    .sort((a, b) => {
      const [aUnknown, bUnknown] = [isUnknown(a.key), isUnknown(b.key)]
      if (aUnknown || bUnknown) return Number(aUnknown) - Number(bUnknown)
      return sign * compare(a.key, b.key)
    })
    .map(({ row }) => row)
}

/** @param {Value} value */
const isUnknown = value => value === null || value === undefined || value === '' || Number.isNaN(value)

const texts = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

/** @param {Value} a @param {Value} b */
function compare(a, b) {
  if (typeof a === 'string' || typeof b === 'string') return texts.compare(String(a), String(b))
  return Number(a) - Number(b)
}

/** Returns the first row of the page that contains row `offset`, or of the last page. @param {number} offset @param {number} total @param {number} size */
export function pageStart(offset, total, size) {
  const last = Math.max(0, Math.ceil(total / size) - 1) * size
  return Math.min(last, Math.max(0, Math.floor(offset / size) * size))
}

/** @param {number} offset @param {number} shown @param {number} total */
export function pageText(offset, shown, total) {
  if (total === 0) return 'none'
  const number = (/** @type {number} */ n) => n.toLocaleString('en')
  return `${number(offset + 1)} to ${number(offset + shown)} of ${number(total)}`
}
