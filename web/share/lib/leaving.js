// @ts-check
// What is asked before something is lost by leaving a page or by ending what it does. Words only; whether there is
// something to lose is decided in core/session.js.

/**
 * A transfer, or a file that is being saved, would be cut off; a finished download would go, of which nothing or not
 * everything has been saved; the link that was handed on would stop working.
 * @typedef {'transfer' | 'unsaved' | 'unsaved-rest' | 'link'} Loss
 */

/** @type {Record<Loss, string>} */
const LOSSES = {
  transfer: 'A transfer is under way.',
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

/** For a button that ends what runs. @param {Loss} loss */
export const endQuestion = loss => `${LOSSES[loss]} ${ENDS[loss]}`

/** For another link opened in the same page. @param {Loss} loss */
export const leaveQuestion = loss => `${LOSSES[loss]} Leave this for the other address?`
