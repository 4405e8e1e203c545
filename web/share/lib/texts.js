// @ts-check
// Error and warning texts: each problem with its title, explanation, remedy and severity. It only chooses texts:
// core/ detects the problems, and common/notice.js shows them.

import { tn } from '../../common/format.js'
import { t } from '../../common/words.js'
import { failedConnectionNotice } from './connection-failure.js'
import { encryptionNotice } from './encryption-texts.js'
import { storageFullNotice } from './storage-texts.js'

/** @typedef {import('./error-codes.js').CodedNotice} Notice */

/**
 * Returns why the page cannot work in this browser or at this address, or null.
 * @param {{ secure: boolean, webrtc: boolean, webSocket: boolean, subtle: boolean, address: string }} seen
 * @returns {Notice | null}
 */
export function environmentNotice({ secure, webrtc, webSocket, subtle, address }) {
  if (!secure || !subtle) {
    return {
      tone: 'error',
      code: 'insecure-page',
      title: t('This page needs a secure address'),
      text: t(
        'It was opened over plain http ({address}). Browsers then switch off the parts that check and save files. ' +
          'Open it through https, or, on the machine that runs its server, as http://localhost. The operator of ' +
          'the server can give it a certificate; swarmhub adds an https address with --tls-self-signed.',
        { address }
      )
    }
  }
  if (!webrtc || !webSocket) {
    return {
      tone: 'error',
      code: 'webrtc-missing',
      title: t('This browser cannot connect to other browsers'),
      text: t(
        'WebRTC is missing or switched off (some privacy settings and add-ons do that). Switch it on for this page, or use a ' +
          'current Firefox, Chrome, Edge or Safari.'
      )
    }
  }
  return null
}

/**
 * Explains the error that ended a transfer.
 * @param {unknown} error @param {import('./storage-texts.js').MemoryCause | null} [memory] if downloads are in memory
 * @returns {Notice}
 */
export function failureNotice(error, memory = null) {
  const { name = '', message = String(error) } = /** @type {Partial<Error>} */ (error ?? {})
  const sealed = encryptionNotice(name)
  if (sealed) return sealed
  const again = { id: 'retry', label: t('Try again') }
  if (name === 'QuotaExceededError' || /quota|no space|disk full/i.test(message)) {
    return storageFullNotice(memory)
  }
  if (name === 'NotReadableError' || name === 'NotFoundError' || name === 'ChangedFileError') {
    return {
      tone: 'error',
      code: 'file-unreadable',
      title: t('A file can no longer be read'),
      text: t(
        'It was changed, moved or deleted after you chose it. Choose the files again to share them as they are now.'
      )
    }
  }
  if (name === 'LostPostError') {
    return {
      tone: 'error',
      code: 'app-share-lost',
      title: t('Nothing arrived'),
      text: t('What you shared with this app did not reach it. Share it again, or choose the files here.')
    }
  }
  if (name === 'EmptyShareError') {
    return {
      tone: 'warning',
      code: 'nothing-to-share',
      title: t('Nothing to share'),
      text: t('What you chose holds no data: only empty files or folders.')
    }
  }
  if (name === 'TypeError' && /\b(module|importing)\b/i.test(message)) {
    return {
      tone: 'error',
      code: 'module-failed',
      title: t('A part of this page could not be loaded'),
      text: t('The server it comes from does not answer. Try again in a moment, or reload the page.'),
      action: again
    }
  }
  return {
    tone: 'error',
    code: 'transfer-failed',
    title: t('The transfer has ended'),
    text: t('Something went wrong: {message}', { message }),
    action: again
  }
}

/**
 * Explains why the downloaded files could not be saved.
 * @param {unknown} error
 * @returns {Notice}
 */
export function savingNotice(error) {
  const { message = String(error) } = /** @type {Partial<Error>} */ (error ?? {})
  return {
    tone: 'error',
    code: 'saving-failed',
    title: t('Saving failed'),
    text: t(
      'The browser says: “{message}”. The downloaded files are still here: save them again, or in another place.',
      { message }
    )
  }
}

/** Tells that a link is damaged. @returns {Notice} */
export const brokenLinkNotice = () => ({
  tone: 'error',
  code: 'link-broken',
  title: t('This link is incomplete'),
  text: t(
    'After the “#” it should have 40 letters and digits, and for encrypted files a dot and a key of 22 characters. Copy the whole link, or ask for it again.'
  )
})

/** Tells that the element does not know its tracker. @returns {Notice} */
export const serverMissingNotice = () => ({
  tone: 'error',
  code: 'server-missing',
  title: t('This page names no tracker'),
  text: t(
    'Its script does not come from a tracker, so the element needs the attribute “tracker” with the address of one.'
  )
})

/** Refuses a call while a session is running. @returns {Notice} */
export const busyNotice = () => ({
  tone: 'error',
  code: 'busy',
  title: t('This element is in use'),
  text: t('It shares or receives already. End that first, or use a second element.')
})

/** Refuses a call to a disabled element. @returns {Notice} */
export const disabledNotice = () => ({
  tone: 'error',
  code: 'disabled',
  title: t('Sharing is switched off here'),
  text: t('The page does not allow to share files at the moment.')
})

/** Replaces the lead of the start page if the tracker requires a token that the page lacks. */
export const tokenMissingLead = () => t('To share files, open this page with the token in its address.')

/** Replaces the state of the tracker if it requires a token that the page lacks. @returns {Notice} */
export const refusedNotice = () => ({
  tone: 'error',
  code: 'token-missing',
  title: t('A token is needed here'),
  text: t(
    'This tracker serves only clients with its token. Ask the person who gave you this address for a link with the token.'
  )
})

/**
 * Explains why there are no peers although the tracker answers; null: a peer is connected.
 * @param {{ role: 'sender' | 'receiver', connected: number, connecting: number, failed: number, known: number | null, waitedSeconds: number,
 *   failureCause?: import('./connection-failure.js').FailureCause | null }} peers
 *   `known`: other peers in the swarm, as the tracker counts them
 * @returns {Notice | null}
 */
export function peersNotice({ role, connected, connecting, failed, known, waitedSeconds, failureCause = null }) {
  if (connected > 0) return null
  // It stays during further attempts, which seldom have another result.
  if (failureCause) return failedConnectionNotice(failureCause)
  if (failed > 0 && connecting === 0) {
    return {
      tone: 'warning',
      code: 'connection-failed',
      title: tn(failed, 'A connection could not be made', '{n} connections could not be made'),
      text: t(
        'A peer was found, but a firewall or network on one side blocks direct connections. Another network (for example ' +
          'a phone’s) often helps. The operator of the tracker can add a relay (TURN). The page tries again automatically.'
      )
    }
  }
  if (role === 'sender') return null
  if (connecting > 0 || (known ?? 0) > 0) {
    return waitedSeconds < 4
      ? null
      : { tone: 'info', title: t('Connecting…'), text: t('A peer that has the files was found.') }
  }
  return waitedSeconds < 4
    ? null
    : {
        tone: 'info',
        title: t('No peer has these files right now'),
        text: t(
          'The sender’s page must be open. Ask the sender to open it, and leave this page open: it continues automatically.'
        )
      }
}
