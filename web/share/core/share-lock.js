// @ts-check
// Opens the contents of a torrent for a receiver: those of a plain torrent at once, those of an encrypted one with the key
// of the link, and the password if the share has one. The engine creates one for each download.

import { decryptMessage, RecordCipher } from '../lib/aes128gcm.js'
import { damaged, decodeIndex } from '../lib/share-index.js'
import { fromBase64Url, withPassword } from '../lib/share-key.js'
import { plainContents, sealedContents } from './contents.js'

/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').Torrent} Torrent */
/** @typedef {import('../lib/link.js').ShareLink} ShareLink */

export class ShareLock {
  #key
  /** Whether the sender set a password. */
  hasPassword

  /** @param {Pick<ShareLink, 'key' | 'hasPassword'>} link */
  constructor({ key, hasPassword }) {
    this.#key = key === null ? null : fromBase64Url(key)
    this.hasPassword = hasPassword
  }

  /**
   * Returns the contents of a torrent.
   * @param {Torrent} torrent with metadata @param {Uint8Array | null} index encrypted; null: the torrent is plain
   * @param {string} [password] @returns {Promise<import('./contents.js').Contents>}
   * @throws {Error} named MissingKeyError, WrongKeyError, WrongPasswordError, NewerShareError, ExpiredShareError, or
   *   DamagedShareError
   */
  async open(torrent, index, password = '') {
    if (!index) {
      // The sender made a link for an encrypted share, so this is not what the sender shares.
      if (this.#key) throw failure('WrongKeyError', 'the share is not encrypted')
      const contents = plainContents(torrent)
      if (!contents) throw damaged('the pieces do not fit')
      return contents
    }
    if (!this.#key) throw failure('MissingKeyError', 'the link has no key')
    const secret = this.hasPassword ? await withPassword(this.#key, password) : this.#key
    const opened = decodeIndex(await this.#decrypt(secret, index))
    if (opened.expires !== null && Date.now() >= opened.expires)
      throw failure('ExpiredShareError', 'the share has expired')
    const contents = sealedContents(torrent, opened, await RecordCipher.derive(secret, opened.salt))
    if (!contents) throw damaged('the sizes do not fit')
    return contents
  }

  /** @param {Uint8Array} secret @param {Uint8Array} index */
  async #decrypt(secret, index) {
    try {
      return await decryptMessage(secret, index)
    } catch (error) {
      if (/** @type {Error} */ (error).name !== 'BadRecordError') throw error
      throw this.hasPassword
        ? failure('WrongPasswordError', 'the password does not fit')
        : failure('WrongKeyError', 'the key does not fit')
    }
  }
}

/** @param {string} name @param {string} message */
export const failure = (name, message) => Object.assign(new Error(message), { name })
