// @ts-check
// The questions before the user leaves the page or ends a transfer and would lose something. core/session.js decides
// whether there is a loss.

/**
 * - `transfer`: a transfer, or the saving of a file, would be interrupted
 * - `unsaved`, `unsaved-rest`: a complete download would be deleted, of which nothing or not everything was saved
 * - `link`: the link would stop working
 * @typedef {'transfer' | 'unsaved' | 'unsaved-rest' | 'link'} Loss
 */

/** @type {Record<Loss, string>} */
const LOSSES = {
  transfer: 'A transfer is running.',
  unsaved: 'Nothing has been saved yet.',
  'unsaved-rest': 'Not everything has been saved yet.',
  link: 'The link works only while this page shares the files.'
}

/** @type {Record<Loss, string>} */
const ENDS = {
  transfer: 'Stop it?',
  unsaved: 'Close and discard it?',
  'unsaved-rest': 'Close and discard it?',
  link: 'Stop sharing?'
}

/** For a button that ends the transfer. @param {Loss} loss */
export const endQuestion = loss => `${LOSSES[loss]} ${ENDS[loss]}`

/** For another link that is opened in the same page. @param {Loss} loss */
export const leaveQuestion = loss => `${LOSSES[loss]} Leave this for the other address?`
