// @ts-check
// Texts of the list of files and its search. It only chooses texts.

import { formatBytes, tn } from '../../common/format.js'
import { t } from '../../common/words.js'

/** @type {[value: import('./file-search.js').FileOrder, label: () => string][]} */
export const ORDERS = [
  ['share', () => t('As shared')],
  ['name', () => t('By name')],
  ['size', () => t('Biggest first')]
]

export const searchLabel = () => t('Find files')
export const orderLabel = () => t('Order')

/** A number of files and their size. @param {number} files @param {number} bytes */
export const amountText = (files, bytes) => `${tn(files, '{n} file', '{n} files')}, ${formatBytes(bytes)}`

/** Says how many files were found; read by screen readers. @param {number} found @param {number} all @param {string} words */
export const foundText = (found, all, words) =>
  words.trim() === ''
    ? ''
    : found === 0
      ? t('No file found.')
      : tn(all, '{found} of {n} file.', '{found} of {n} files.', { found })

/** Says how many files have no row. @param {number} count @param {boolean} isSearch @param {boolean} isSender */
export function restText(count, isSearch, isSender) {
  if (isSearch) return `${tn(count, 'and {n} more file.', 'and {n} more files.')} ${t('Add words to find fewer.')}`
  const rest = isSender
    ? tn(count, 'and {n} more file, which is shared with them.', 'and {n} more files, which are shared with them.')
    : tn(count, 'and {n} more file, which comes with them.', 'and {n} more files, which come with them.')
  return `${rest} ${t('Search to see them.')}`
}
