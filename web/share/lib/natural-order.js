// @ts-check
// The order in which people expect files: by name, `2` before `10`, capitals and accents beside the plain letters, folder
// by folder. It asks no collator of the browser, since the order is part of the info-hash: the same files have the same
// link whatever the disk, the browser and its language. Knows no DOM.

/** @typedef {{ words: string[], exact: string }} Key one part of a path: letters and digits in turn, and the whole as it is */

/**
 * @template T
 * @param {T[]} items @param {(item: T) => string} pathOf @returns {T[]} a sorted copy
 */
export function inNaturalOrder(items, pathOf) {
  // Keys are made once: a comparison is made many times for each item.
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
    // Digits stand at the odd places.
    const order = i % 2 ? compareNumbers(left, right) : compareText(left, right)
    if (order !== 0) return order
  }
  return a.words.length - b.words.length || compareText(a.exact, b.exact)
}

/** Of any length. @param {string} a digits @param {string} b */
function compareNumbers(a, b) {
  const [left, right] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')]
  return left.length - right.length || compareText(left, right)
}

/** By code units. @param {string} a @param {string} b */
const compareText = (a, b) => (a < b ? -1 : Number(a > b))
