// @ts-check
// Texts about the encryption of a share: what others can see, when it expires, and why it cannot be opened. It only chooses
// texts.

import { formatDuration } from '../../common/format.js'
import { t } from '../../common/words.js'

/** @typedef {import('./error-codes.js').CodedNotice} Notice */

/** How long a share with an expiry lasts, for the options of a sender. @type {[milliseconds: number, label: () => string][]} */
export const LIFETIMES = [
  [3600_000, () => t('After an hour')],
  [24 * 3600_000, () => t('After a day')],
  [7 * 24 * 3600_000, () => t('After a week')]
]

/**
 * Says what the server and other peers can and cannot see.
 * @param {{ role: 'sender' | 'receiver', isEncrypted: boolean, hasPassword: boolean }} share
 */
export function privacyText({ role, isEncrypted, hasPassword }) {
  if (!isEncrypted)
    return t(
      'Not end-to-end encrypted: connections are encrypted, but everyone who knows the info-hash can get the files and their names.'
    )
  const hidden = hasPassword
    ? t(
        'End-to-end encrypted. Without the link and the password, neither the tracker nor other browsers can read the files, their names or their exact number.'
      )
    : t(
        'End-to-end encrypted. Without the link, neither the tracker nor other browsers can read the files, their names or their exact number.'
      )
  const seen = t(
    'They can see the addresses of the browsers, the approximate size, the times, and that something is shared.'
  )
  // Their server is that of the tracker, that of the page, or a third one.
  const scripts = t(
    'Whoever can change the scripts of this page can read everything: also the operators of the servers that they come from.'
  )
  const texts = [hidden, seen, scripts]
  if (role === 'sender') texts.push(openerText(hasPassword))
  return texts.join(' ')
}

/** Says who can open the files. @param {boolean} hasPassword */
const openerText = hasPassword =>
  hasPassword
    ? t('Whoever has the link and the password can open the files, so send them apart, and only to people you trust.')
    : t('Whoever has the link can open the files, so send it only to people you trust.')

/** @param {number | null} expires milliseconds since 1970 @param {number} [now] */
export const expiryText = (expires, now = Date.now()) =>
  expires === null ? '' : t('Expires in {time}.', { time: formatDuration(Math.max(0, expires - now) / 1000) })

/** Trying again does not help. */
const closing = () => ({ id: 'close', label: t('Close') })

/** @type {Record<string, () => Notice>} */
const NOTICES = {
  MissingKeyError: () => ({
    tone: 'error',
    code: 'key-missing',
    title: t('This link is incomplete'),
    text: t(
      'The files are encrypted, and the link has no key: the part after the dot is missing. Copy the whole link, or ask for it again.'
    ),
    action: closing()
  }),
  WrongKeyError: () => ({
    tone: 'error',
    code: 'key-wrong',
    title: t('The key does not fit'),
    text: t(
      'The key in this link is not the key of these files, so a part of the link was changed. Copy the whole link again, or ask the sender for it.'
    ),
    action: closing()
  }),
  WrongPasswordError: () => ({
    tone: 'error',
    code: 'password-wrong',
    title: t('The password does not fit'),
    text: t('Check it, or ask the sender for it.')
  }),
  NewerShareError: () => ({
    tone: 'error',
    code: 'share-newer',
    title: t('This page is too old for the share'),
    text: t(
      'A newer version of this page made it. Reload the page; if that does not help, its operator must update it.'
    ),
    action: closing()
  }),
  DamagedShareError: () => ({
    tone: 'error',
    code: 'share-damaged',
    title: t('The list of files is not valid'),
    text: t(
      'The list that the sender made contradicts itself. Nothing was opened. Ask the sender to share the files again, with this page.'
    ),
    action: closing()
  }),
  BadRecordError: () => ({
    tone: 'error',
    code: 'record-damaged',
    title: t('The encrypted data is not valid'),
    text: t(
      'A part cannot be decrypted, although it arrived as it was sent: the sender’s page encrypted it wrongly. No other peer has a better copy. Ask the sender to share the files again.'
    ),
    action: closing()
  }),
  ExpiredShareError: () => ({
    tone: 'warning',
    code: 'share-expired',
    title: t('This share has expired'),
    text: t('Its sender set a time, which has passed. To continue, the files must be shared again, with a new link.'),
    action: closing()
  }),
  TooManyFilesError: () => ({
    tone: 'error',
    code: 'share-too-large',
    title: t('These are too many files'),
    text: t(
      'A share has at most 200,000 files, and their names and sizes take at most 10 MB. Share fewer files at once, or put them into an archive first.'
    )
  })
}

/** Explains an error of encryption by its name; null: it is another error. @param {string} name @returns {Notice | null} */
export const encryptionNotice = name => (Object.hasOwn(NOTICES, name) ? (NOTICES[name]?.() ?? null) : null)
