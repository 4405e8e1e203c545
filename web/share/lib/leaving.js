// @ts-check
// The questions before the user leaves the page or ends a transfer and would lose something. core/session.js decides
// whether there is a loss.

import { t } from '../../common/words.js'

/**
 * - `transfer`: a transfer, or the saving of a file, would be interrupted
 * - `unsaved`, `unsaved-rest`: a complete download would be deleted, of which nothing or not everything was saved
 * - `link`: the link would stop working
 * @typedef {'transfer' | 'unsaved' | 'unsaved-rest' | 'link'} Loss
 */

/** @type {Record<Loss, () => string>} */
const LOSSES = {
  transfer: () => t('A transfer is running.'),
  unsaved: () => t('Nothing has been saved yet.'),
  'unsaved-rest': () => t('Not everything has been saved yet.'),
  link: () => t('The link works only while this page shares the files.')
}

/** @type {Record<Loss, () => string>} */
const ENDS = {
  transfer: () => t('Stop it?'),
  unsaved: () => t('Close and discard it?'),
  'unsaved-rest': () => t('Close and discard it?'),
  link: () => t('Stop sharing?')
}

/** For a button that ends the transfer. @param {Loss} loss */
export const endQuestion = loss => `${LOSSES[loss]()} ${ENDS[loss]()}`

/** For another link that is opened in the same page. @param {Loss} loss */
export const leaveQuestion = loss => `${LOSSES[loss]()} ${t('Leave this for the other address?')}`
