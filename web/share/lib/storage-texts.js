// @ts-check
// Texts about storage: full, too small, or in memory. It uses no DOM. The session detects these problems.

import { formatBytes } from '../../common/format.js'
import { t } from '../../common/words.js'

/** @typedef {import('./error-codes.js').CodedNotice} Notice */
/** Why a download is in memory: the window has no storage on disk, or its page forbids the worker. @typedef {'window' | 'page'} MemoryCause */

/** @type {Record<MemoryCause, () => string>} */
const MEMORY_TEXTS = {
  window: () => t('This window keeps files in memory, as private windows do.'),
  page: () => t('This page keeps files in memory, because its content security policy forbids the storage worker.')
}

/** @type {Record<MemoryCause, () => string>} */
const MEMORY_REMEDIES = {
  window: () => t('Open the link in a normal window, which keeps them on the disk.'),
  page: () => t('The operator of this page can allow that worker (worker-src), which keeps them on the disk.')
}

/** Explains that the browser stores no more. @param {MemoryCause | null} memory if downloads are in memory @returns {Notice} */
export function storageFullNotice(memory) {
  const again = { id: 'retry', label: t('Try again') }
  return memory
    ? {
        tone: 'error',
        code: 'storage-full',
        title: t('This window cannot hold more'),
        text: `${MEMORY_TEXTS[memory]()} ${t('The browser gives it no more.')} ${MEMORY_REMEDIES[memory]()} ${t('Or choose fewer files.')}`,
        action: again
      }
    : {
        tone: 'error',
        code: 'storage-full',
        title: t('The storage is full'),
        text: t(
          'The browser may not store more for this page. Free some disk space, or choose fewer files, and try again. In a private window, open the link in a normal one: it may store more.'
        ),
        action: again
      }
}

/**
 * Warns before a download that is too big for the storage; null: it fits, or the size of the storage is unknown.
 * @param {number} bytes @param {{ quota?: number, usage?: number }} estimate @param {MemoryCause | null} memory if the files are in memory
 * @returns {Notice | null}
 */
export function spaceNotice(bytes, { quota, usage }, memory) {
  const left = quota === undefined || usage === undefined ? Infinity : Math.max(0, quota - usage)
  if (memory && bytes > left) {
    const sizes = t('The browser gives it {space}; the files take {size}.', {
      space: formatBytes(left),
      size: formatBytes(bytes)
    })
    return {
      tone: 'warning',
      code: 'storage-short',
      title: t('This window cannot hold these files'),
      text: `${MEMORY_TEXTS[memory]()} ${sizes} ${MEMORY_REMEDIES[memory]()} ${t('Or choose fewer files.')}`
    }
  }
  if (memory && bytes > 500e6) {
    return {
      tone: 'warning',
      code: 'storage-short',
      title: t('This may be too big for the memory'),
      text: `${MEMORY_TEXTS[memory]()} ${t('So {size} must fit there.', { size: formatBytes(bytes) })} ${MEMORY_REMEDIES[memory]()}`
    }
  }
  if (memory || bytes <= left) return null
  return {
    tone: 'warning',
    code: 'storage-short',
    title: t('There may not be enough space'),
    text: t(
      'The files take {size}, and the browser has {space} left for this page. Free some disk space or choose fewer files. In a private window, open the link in a normal one: it may store more.',
      { size: formatBytes(bytes), space: formatBytes(left) }
    )
  }
}
