// @ts-check
// Texts of the notification of the system that tells when a transfer is complete. It only chooses texts.

import { t } from '../../common/words.js'
import { shownName } from './names.js'

/** The label of the button that asks for it. */
export const tellMe = () => t('Tell me when done')

/** @type {Record<'granted' | 'denied' | 'default', () => string>} What the button says after the answer of the user. */
export const ANSWERS = {
  granted: () => t('You get a notification of your system, if this page stays open.'),
  denied: () =>
    t(
      'This browser blocks notifications of this page. To allow them, open the settings of the page beside its address, and press the button again.'
    ),
  default: () => t('The browser has no permission yet. Press the button again, and allow it.')
}

/** Says that notifications were allowed, and that showing one failed. */
export const tellingFailed = () => t('The browser does not show notifications of this page.')

/** @param {'sender' | 'receiver'} role @param {string} name of the share */
export const doneText = (role, name) => ({
  title: role === 'sender' ? t('A receiver has everything') : t('The download is complete'),
  body: shownName(name)
})
