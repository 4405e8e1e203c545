// @ts-check
// Natural sort order of paths: `2` before `10`, case and accents last, folder by folder. It uses no collator of the
// browser, because the order is part of the info-hash: the same files must have the same link in every browser and
// language. It uses no DOM.

/** @typedef {{ words: string[], exact: string }} Key of one part of a path. `words`: text and digits in turn */

/**
 * @template T
 * @param {T[]} items @param {(item: T) => string} pathOf @returns {T[]} a sorted copy
 */
export function inNaturalOrder(items, pathOf) {
  // Each key is computed once, because each item is compared many times.
  return items
    .map(item => ({ item, keys: pathOf(item).split('/').map(keyOf) }))
    .sort((a, b) => compare(a.keys, b.keys))
    .map(({ item }) => item)
}

/** @param {string} exact @returns {Key} */
const keyOf = exact => ({ exact, words: exact.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().split(/(\d+)/) })

/** @param {Key[]} a @param {Key[]} b */
function compare(a, b) {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = comparePart(/** @type {Key} */ (a[i]), /** @type {Key} */ (b[i]))
    if (order !== 0) return order
  }
  return a.length - b.length
}

/** @param {Key} a @param {Key} b */
function comparePart(a, b) {
  for (let i = 0; i < Math.min(a.words.length, b.words.length); i++) {
    const [left = '', right = ''] = [a.words[i], b.words[i]]
    // Digits have odd indices.
    const order = i % 2 ? compareNumbers(left, right) : compareText(left, right)
    if (order !== 0) return order
  }
  return a.words.length - b.words.length || compareText(a.exact, b.exact)
}

/** Compares numbers of any length. @param {string} a digits @param {string} b */
function compareNumbers(a, b) {
  const [left, right] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')]
  return left.length - right.length || compareText(left, right)
}

/** Compares by code units. @param {string} a @param {string} b */
const compareText = (a, b) => (a < b ? -1 : Number(a > b))
