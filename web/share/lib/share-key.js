// @ts-check
// The key of an encrypted share: 16 random bytes, their text in links, and the password that can be mixed into them. It
// uses WebCrypto and no DOM.

const KEY_BYTES = 16
/** The recommendation of OWASP for PBKDF2 with HMAC-SHA-256. */
const PASSWORD_ROUNDS = 600_000
const PASSWORD_INFO = 'swarmhub: key and password'

const encoder = new TextEncoder()

/** Returns random bytes for a key or a salt. */
export const randomBytes = (length = KEY_BYTES) => crypto.getRandomValues(new Uint8Array(length))

/** Encodes bytes in base64url without padding (RFC 4648). @param {Uint8Array} bytes */
export const toBase64Url = bytes =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')

/** @param {string} text in base64url @throws {Error} if the text has other characters */
export const fromBase64Url = text =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), character => character.charCodeAt(0))

/**
 * Returns the secret of a share with a password. Whoever has the link still needs some 600,000 rounds for each guess; the
 * key is the salt, so guesses at one share are useless for another. Without the link, a password alone is worth nothing.
 * @param {Uint8Array} key @param {string} password
 */
export async function withPassword(key, password) {
  const salt = /** @type {Uint8Array<ArrayBuffer>} */ (key)
  // Keyboards write the same accent in different Unicode forms.
  const typed = encoder.encode(password.normalize('NFC'))
  const material = await crypto.subtle.importKey('raw', typed, 'PBKDF2', false, ['deriveBits'])
  const parameters = { name: 'PBKDF2', hash: 'SHA-256', salt, iterations: PASSWORD_ROUNDS }
  const stretched = new Uint8Array(await crypto.subtle.deriveBits(parameters, material, 256))
  const both = await crypto.subtle.importKey('raw', stretched, 'HKDF', false, ['deriveBits'])
  const mixed = { name: 'HKDF', hash: 'SHA-256', salt, info: encoder.encode(PASSWORD_INFO) }
  return new Uint8Array(await crypto.subtle.deriveBits(mixed, both, KEY_BYTES * 8))
}
