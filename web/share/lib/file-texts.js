// @ts-check
// Texts of the list of files and its search. It only chooses texts.

import { plural } from '../../common/format.js'

/** @type {[value: import('./file-search.js').FileOrder, label: string][]} */
export const ORDERS = [
  ['share', 'As shared'],
  ['name', 'By name'],
  ['size', 'Biggest first']
]

export const SEARCH_LABEL = 'Find files'
export const ORDER_LABEL = 'Order'

/** Says how many files were found; read by screen readers. @param {number} found @param {number} all @param {string} words */
export const foundText = (found, all, words) =>
  words.trim() === '' ? '' : found === 0 ? 'No file found.' : `${found} of ${plural(all, 'file')}.`

/** Says how many files have no row. @param {number} count @param {boolean} isSearch @param {boolean} isSender */
export function restText(count, isSearch, isSender) {
  const rest = `and ${plural(count, 'more file')}`
  if (isSearch) return `${rest}. Add words to find fewer.`
  return `${rest}, which ${isSender ? 'are shared' : 'come'} with them. Search to see them.`
}
