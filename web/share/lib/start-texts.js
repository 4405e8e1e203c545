// @ts-check
// Texts of what the start view loads: the forms for texts and links, and the answer to what is pasted. It only chooses texts.

import { formatBytes, tn } from '../../common/format.js'
import { t } from '../../common/words.js'
import { nameOfAll, shownName } from './names.js'

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

/** Asks whether to share files that another app or site has sent. @param {import('../core/engine.js').Chosen[]} chosen @returns {Notice} */
export function offeredNotice(chosen) {
  const name = shownName(nameOfAll(chosen.map(({ path }) => path)))
  const size = formatBytes(chosen.reduce((sum, { file }) => sum + file.size, 0))
  const sent = t(
    'Another app or a web page has sent this. Nothing is shared before you say so. Set a password or an expiry under “Options” before, if you need one.'
  )
  return {
    tone: 'info',
    title: tn(chosen.length, 'Share this file?', 'Share these {n} files?'),
    text: `${name}, ${size}. ${sent}`,
    action: { id: 'share-offered', label: t('Share') }
  }
}

/** Tells that nothing can be pasted now. @returns {Notice} */
export const pasteRefusedNotice = () => ({
  tone: 'info',
  title: t('Nothing was pasted'),
  text: t('This page shares or receives already. End that first to share what you copied.')
})
