// @ts-check
// Finds and sorts the files of a share for its list. It uses no DOM and does not change the order of the share.

import { inNaturalOrder } from './natural-order.js'

/** @typedef {'share' | 'name' | 'size'} FileOrder `share`: as the sender shares them */
/** @typedef {{ index: number, path: string, size: number }} Listed */

/**
 * Returns the files whose path has all words, in this order. Case and accents do not matter.
 * @template {Listed} F
 * @param {F[]} files @param {string} words separated by spaces; empty: all files @param {FileOrder} order `size`: the biggest first
 * @returns {F[]}
 */
export function findFiles(files, words, order) {
  const wanted = plain(words).split(/\s+/).filter(Boolean)
  const found = wanted.length
    ? files.filter(({ path }) => {
        const text = plain(path)
        return wanted.every(word => text.includes(word))
      })
    : files
  if (order === 'name') return inNaturalOrder(found, ({ path }) => path.slice(path.lastIndexOf('/') + 1))
  return order === 'size' ? [...found].sort((a, b) => b.size - a.size || a.index - b.index) : found
}

/** @param {string} text */
const plain = text => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()
