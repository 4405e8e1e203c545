// @ts-check
// Error and warning texts: each problem with its title, explanation, remedy and severity. It only chooses texts:
// core/ detects the problems, and common/notice.js shows them.

import { plural } from '../../common/format.js'
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
      title: 'This page needs a secure address',
      text:
        `It was opened over plain http (${address}). Browsers then switch off the parts that check and save files. ` +
        'Open it through https, or, on the machine that runs the server, as http://localhost. The operator of ' +
        'the server can start it with --tls-self-signed, which adds an https address, or give it a certificate.'
    }
  }
  if (!webrtc || !webSocket) {
    return {
      tone: 'error',
      code: 'webrtc-missing',
      title: 'This browser cannot connect to other browsers',
      text:
        'WebRTC is missing or switched off (some privacy settings and add-ons do that). Switch it on for this page, or use a ' +
        'current Firefox, Chrome, Edge or Safari.'
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
  const again = { id: 'retry', label: 'Try again' }
  if (name === 'QuotaExceededError' || /quota|no space|disk full/i.test(message)) {
    return storageFullNotice(memory)
  }
  if (name === 'NotReadableError' || name === 'NotFoundError' || name === 'ChangedFileError') {
    return {
      tone: 'error',
      code: 'file-unreadable',
      title: 'A file can no longer be read',
      text: 'It was changed, moved or deleted after you chose it. Choose the files again to share them as they are now.'
    }
  }
  if (name === 'LostPostError') {
    return {
      tone: 'error',
      code: 'app-share-lost',
      title: 'Nothing arrived',
      text: 'What you shared with this app did not reach it. Share it again, or choose the files here.'
    }
  }
  if (name === 'EmptyShareError') {
    return {
      tone: 'warning',
      code: 'nothing-to-share',
      title: 'Nothing to share',
      text: 'What you chose holds no data: only empty files or folders.'
    }
  }
  if (name === 'TypeError' && /\b(module|importing)\b/i.test(message)) {
    return {
      tone: 'error',
      code: 'module-failed',
      title: 'A part of this page could not be loaded',
      text: 'The server it comes from does not answer. Try again in a moment, or reload the page.',
      action: again
    }
  }
  return {
    tone: 'error',
    code: 'transfer-failed',
    title: 'The transfer has ended',
    text: `Something went wrong: ${message}`,
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
    title: 'Saving failed',
    text: `The browser says: “${message}”. The downloaded files are still here: save them again, or in another place.`
  }
}

/** Tells that a link is damaged. @returns {Notice} */
export const brokenLinkNotice = () => ({
  tone: 'error',
  code: 'link-broken',
  title: 'This link is incomplete',
  text: 'After the “#” it should have 40 letters and digits, and for encrypted files a dot and a key of 22 characters. Copy the whole link, or ask for it again.'
})

/** Tells that the element does not know its tracker. @returns {Notice} */
export const serverMissingNotice = () => ({
  tone: 'error',
  code: 'server-missing',
  title: 'This page names no tracker',
  text: 'Its script does not come from a tracker, so the element needs the attribute “tracker” with the address of one.'
})

/** Refuses a call while a session is running. @returns {Notice} */
export const busyNotice = () => ({
  tone: 'error',
  code: 'busy',
  title: 'This element is in use',
  text: 'It shares or receives already. End that first, or use a second element.'
})

/** Refuses a call to a disabled element. @returns {Notice} */
export const disabledNotice = () => ({
  tone: 'error',
  code: 'disabled',
  title: 'Sharing is switched off here',
  text: 'The page does not allow to share files at the moment.'
})

/** Replaces the lead of the start page if the tracker requires a token that the page lacks. */
export const TOKEN_MISSING_LEAD = 'To share files, open this page with the token in its address.'

/** Replaces the state of the tracker if it requires a token that the page lacks. @returns {Notice} */
export const refusedNotice = () => ({
  tone: 'error',
  code: 'token-missing',
  title: 'A token is needed here',
  text: 'This tracker serves only clients with its token. Ask the person who gave you this address for a link with the token.'
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
      title: failed === 1 ? 'A connection could not be made' : `${plural(failed, 'connection')} could not be made`,
      text:
        'A peer was found, but a firewall or network on one side blocks direct connections. Another network (for example ' +
        'a phone’s) often helps. The operator of this server can add a relay (TURN). The page tries again automatically.'
    }
  }
  if (role === 'sender') return null
  if (connecting > 0 || (known ?? 0) > 0) {
    return waitedSeconds < 4
      ? null
      : { tone: 'info', title: 'Connecting…', text: 'A peer that has the files was found.' }
  }
  return waitedSeconds < 4
    ? null
    : {
        tone: 'info',
        title: 'No peer has these files right now',
        text: 'The sender’s page must be open. Ask the sender to open it, and leave this page open: it continues automatically.'
      }
}
