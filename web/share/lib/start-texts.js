// @ts-check
// Texts of what the start view loads: the forms for texts and links, and the answer to what is pasted. It only chooses texts.

import { t } from '../../common/words.js'

/** @typedef {import('./error-codes.js').CodedNotice} Notice */

export const TEXT_FORM = {
  label: () => t('Text'),
  hint: () => t('It is shared as a file, text.txt. Receivers can read and copy it in their page.'),
  share: () => t('Share the text')
}

export const LINK_FORM = {
  label: () => t('Link, magnet link or info-hash'),
  open: () => t('Open'),
  broken: () =>
    t(
      'This is no link to a share. It should have 40 letters and digits, in a link behind the “#”. Copy the whole link, or ask for it again.'
    )
}

/** Tells that nothing can be pasted now. @returns {Notice} */
export const pasteRefusedNotice = () => ({
  tone: 'info',
  title: t('Nothing was pasted'),
  text: t('This page shares or receives already. End that first to share what you copied.')
})
