// @ts-check
// Texts about the saving of a complete download. It only chooses texts.

import { t } from '../../common/words.js'
import { amountText } from './file-texts.js'

/** @typedef {import('../core/saves.js').SaveState} SaveState */

/** @type {Record<SaveState, () => string>} */
const STATES = {
  unsaved: () => '',
  saving: () => t('The browser is saving it.'),
  saved: () => t('It is saved.')
}

/** @param {number} files @param {number} bytes @param {SaveState} state */
export const completeText = (files, bytes, state) =>
  [
    t('{files}: complete, and checked piece by piece.', { files: amountText(files, bytes) }),
    STATES[state](),
    t('While this page is open, it sends them to other receivers.')
  ]
    .filter(Boolean)
    .join(' ')

/** The label of the button that saves all chosen files. @param {number} files @param {SaveState} state */
export const saveLabel = (files, state) =>
  state === 'unsaved' ? (files > 1 ? t('Save all') : t('Save')) : t('Save again')
