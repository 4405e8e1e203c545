// @ts-check
// Texts about the saving of a complete download. It only chooses texts.

import { formatBytes, plural } from '../../common/format.js'

/** @typedef {import('../core/saves.js').SaveState} SaveState */

/** @type {Record<SaveState, string>} */
const STATES = { unsaved: '', saving: 'The browser is saving it.', saved: 'It is saved.' }

/** @param {number} files @param {number} bytes @param {SaveState} state */
export const completeText = (files, bytes, state) =>
  `${plural(files, 'file')}, ${formatBytes(bytes)}: complete, and checked piece by piece. ${STATES[state]} ` +
  'While this page is open, it sends them to other receivers.'

/** The label of the button that saves all chosen files. @param {number} files @param {SaveState} state */
export const saveLabel = (files, state) => (state === 'unsaved' ? (files > 1 ? 'Save all' : 'Save') : 'Save again')
