// @ts-check
// Texts about files that are added to a running share. It only chooses texts.

import { plural } from '../../common/format.js'

/** @typedef {import('./error-codes.js').CodedNotice} Notice */

/** The label of the button that adds files. */
export const ADD_FILES = 'Add files'
/** The label of the button that ends their preparation. */
export const CANCEL_ADDING = 'Cancel'

/** Tells that added files are being prepared, and what the receivers have meanwhile. */
export const ADDING = 'Preparing a new link to all files. The link above keeps working meanwhile.'

/** Stands behind what a receiver has, if it uses an earlier link. */
export const EARLIER_LINK = 'of an earlier link'

/** Tells that the new link works. @param {number} files of the new share */
export const addedText = files => `Ready. There is a new link, to all ${plural(files, 'file')}.`

/** Says what became of the links from before files were added. @param {number} links */
export const earlierText = links =>
  links === 1
    ? 'You added files, so this is a new link. The earlier link works too while this page is open, but has only the earlier files.'
    : `You added files, so this is a new link. The ${links} links before work too while this page is open, but have only the files of their time.`

/** A notice about a refused addition, which the user can close: the share goes on. @param {Notice} notice @returns {Notice} */
export const dismissible = notice => ({ ...notice, action: { id: 'dismiss', label: 'Close' } })
