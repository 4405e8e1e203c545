// @ts-check
// Checks chosen files against the limits of the page, before they are read. It uses no DOM.

import { formatBytes, tn } from '../../common/format.js'
import { t } from '../../common/words.js'
import { safeType } from './media.js'
import { isJunk, shownName } from './names.js'

/**
 * @typedef {object} Limits
 * @property {string} accept types and endings, as in a file input; empty: all
 * @property {boolean} multiple
 * @property {number | null} maxFileSize @property {number | null} maxTotalSize bytes
 * @property {number | null} maxFiles
 */

/** @typedef {import('./error-codes.js').CodedNotice} Notice */

/**
 * Returns why the files are refused, or null.
 * @param {{ file: File, path: string }[]} chosen @param {Limits} limits @param {boolean} [isAdding] whether some are shared already
 * @returns {Notice | null}
 */
export function limitNotice(chosen, { accept, multiple, maxFileSize, maxTotalSize, maxFiles }, isAdding = false) {
  const files = chosen.filter(({ path }) => !isJunk(path))
  const filesMax = multiple ? (maxFiles ?? Infinity) : 1
  if (files.length > filesMax) {
    const title = tn(filesMax, 'At most {n} file here', 'At most {n} files here')
    const number = isAdding
      ? tn(
          files.length,
          'Together with what is shared there would be {n} file.',
          'Together with what is shared there would be {n} files.'
        )
      : tn(files.length, 'You chose {n} file.', 'You chose {n} files.')
    return refusal('too-many-files', title, `${number} ${t('Choose fewer files.')}`)
  }
  const other = accept ? files.find(({ file }) => !isAccepted(file, accept)) : undefined
  if (other) {
    const text = t('“{name}” is not one of the types that this page takes: {types}.', {
      name: shownName(other.path),
      types: accept
    })
    return refusal('type-not-accepted', t('This type of file is not accepted'), text)
  }
  // The size takes the browser an access to the disk.
  if (maxFileSize === null && maxTotalSize === null) return null
  let total = 0
  for (const { file, path } of files) {
    const { size } = file
    if (maxFileSize !== null && size > maxFileSize) {
      const text = t('“{name}” has {size}. This page takes files of at most {limit}.', {
        name: shownName(path),
        size: formatBytes(size),
        limit: formatBytes(maxFileSize)
      })
      return refusal('file-too-big', t('A file is too big'), text)
    }
    total += size
  }
  if (maxTotalSize !== null && total > maxTotalSize) {
    const text = t('Together they have {size}. This page takes at most {limit} at once.', {
      size: formatBytes(total),
      limit: formatBytes(maxTotalSize)
    })
    return refusal('files-too-big', t('These files are too big together'), text)
  }
  return null
}

/** @param {import('./error-codes.js').ErrorCode} code @param {string} title @param {string} text @returns {Notice} */
const refusal = (code, title, text) => ({ tone: 'error', code, title, text })

/** @param {File} file @param {string} accept a list such as `image/*,.pdf` */
export function isAccepted({ name, type }, accept) {
  const wanted = accept.toLowerCase().split(',')
  const rules = wanted.map(rule => rule.trim()).filter(rule => rule !== '')
  // Some systems know no type for a file; then its ending tells it.
  const kind = (type || safeType(name)).toLowerCase().split(';', 1)[0] ?? ''
  const matches = (/** @type {string} */ rule) => {
    if (rule.startsWith('.')) return name.toLowerCase().endsWith(rule)
    return rule.endsWith('/*') ? kind.startsWith(rule.slice(0, -1)) : kind === rule
  }
  return rules.length === 0 || rules.some(matches)
}
