// @ts-check
// Texts about files that are added to a running share. It only chooses texts.

import { tn } from '../../common/format.js'
import { t } from '../../common/words.js'
import { worded } from './worded.js'

/** @typedef {import('./error-codes.js').CodedNotice} Notice */

/** The label of the button that adds files. */
export const addFiles = () => t('Add files')
/** The label of the button that ends their preparation. */
export const cancelAdding = () => t('Cancel')

/** Tells that added files are being prepared, and what the receivers have meanwhile. */
export const addingText = () => t('Preparing a new link to all files. The link above keeps working meanwhile.')

/** Stands behind what a receiver has, if it uses an earlier link. */
export const earlierLink = () => t('of an earlier link')

/** Tells that the new link works. @param {number} files of the new share */
export const addedText = files =>
  tn(files, 'Ready. There is a new link, to {n} file.', 'Ready. There is a new link, to all {n} files.')

/**
 * Says what became of the links from before files were added.
 * @param {number} links that work @param {number} ended links that ended because there were more than `max` @param {number} max
 */
export function earlierText(links, ended, max) {
  const working = tn(
    links,
    'You added files, so this is a new link. The earlier link also works while this page is open, with the files that it had.',
    'You added files, so this is a new link. {n} earlier links also work while this page is open, with the files that they had.'
  )
  if (ended === 0) return working
  const rest = tn(
    ended,
    '{n} older link has ended: at most {max} are kept, longest those that someone is downloading from.',
    '{n} older links have ended: at most {max} are kept, longest those that someone is downloading from.',
    { max }
  )
  return `${working} ${rest}`
}

/**
 * A notice about the end of a link to added files, which the user can close: the link from before works.
 * @param {() => Notice} make @returns {() => Notice | null}
 */
export const fellBack = make =>
  dismissible(() => {
    const notice = make()
    const end = t('The link to all files has ended. The link from before goes on working, with the files that it had.')
    return { ...notice, text: `${notice.text} ${end}` }
  })

/**
 * A notice about a refused addition, which the user can close: the share goes on.
 * @param {() => Notice | null} make @returns {() => Notice | null}
 */
export const dismissible = make =>
  worded(() => {
    const notice = make()
    return notice && { ...notice, action: { id: 'dismiss', label: t('Close') } }
  })
