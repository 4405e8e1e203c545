// @ts-check
// The content encoding "aes128gcm" of RFC 8188: a header, then records of one size, each encrypted and authenticated
// alone. So any record can be encrypted or decrypted without the others. It uses WebCrypto and no DOM.
//
// A key and salt must never encrypt two different contents: AES-GCM then reveals the difference of both, and lets anyone
// forge records. core/sealed-share.js guarantees this.

/** The length of records, at which pieces of a torrent begin or end. */
export const RECORD_BYTES = 64 * 1024
const KEY_BYTES = 16
export const SALT_BYTES = 16
const NONCE_BYTES = 12
/** The delimiter and the tag of each record. */
const OVERHEAD_BYTES = 1 + 16
/** The content of a full record. */
export const RECORD_CONTENT_BYTES = RECORD_BYTES - OVERHEAD_BYTES
/** Salt, record size, and the length of the key's name. */
const HEADER_BYTES = SALT_BYTES + 4 + 1
/** A larger record of another sender would have to be in memory. */
const FOREIGN_RECORD_BYTES_MAX = 1024 * 1024
const DELIMITER = 1
const LAST_DELIMITER = 2

const encoder = new TextEncoder()

/** Encrypts and decrypts single records of one message. */
export class RecordCipher {
  #key
  #nonce

  /** @param {Uint8Array} secret of 16 bytes @param {Uint8Array} salt of 16 bytes */
  static async derive(secret, salt) {
    const material = await crypto.subtle.importKey('raw', bytesOf(secret), 'HKDF', false, ['deriveBits'])
    const derive = (/** @type {string} */ info, /** @type {number} */ length) =>
      crypto.subtle.deriveBits(
        { name: 'HKDF', hash: 'SHA-256', salt: bytesOf(salt), info: encoder.encode(`Content-Encoding: ${info}\0`) },
        material,
        length * 8
      )
    const [raw, nonce] = await Promise.all([derive('aes128gcm', KEY_BYTES), derive('nonce', NONCE_BYTES)])
    const key = await crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt', 'decrypt'])
    return new RecordCipher(key, new Uint8Array(nonce))
  }

  /** @param {CryptoKey} key @param {Uint8Array} nonce */
  constructor(key, nonce) {
    this.#key = key
    this.#nonce = nonce
  }

  /** Returns a record without padding. @param {number} index @param {Uint8Array} content @param {boolean} isLast */
  async encrypt(index, content, isLast) {
    const plain = new Uint8Array(content.byteLength + 1)
    plain.set(content)
    plain[content.byteLength] = isLast ? LAST_DELIMITER : DELIMITER
    return new Uint8Array(await crypto.subtle.encrypt(this.#parameters(index), this.#key, plain))
  }

  /**
   * Returns the content of a record.
   * @param {number} index @param {Uint8Array} record @param {boolean} isLast
   * @throws {Error} named BadRecordError if the record is not authentic, or at another position
   */
  async decrypt(index, record, isLast) {
    const plain = await crypto.subtle.decrypt(this.#parameters(index), this.#key, bytesOf(record)).catch(() => {
      throw badRecord('the record is not authentic')
    })
    const bytes = new Uint8Array(plain)
    let end = bytes.length - 1
    while (end >= 0 && bytes[end] === 0) end--
    if (bytes[end] !== (isLast ? LAST_DELIMITER : DELIMITER)) throw badRecord('the record has a wrong delimiter')
    return bytes.subarray(0, end)
  }

  /** The nonce is that of the message, XOR the index of the record. @param {number} index */
  #parameters(index) {
    const iv = this.#nonce.slice()
    const view = new DataView(iv.buffer)
    view.setUint32(4, view.getUint32(4) ^ Math.floor(index / 2 ** 32))
    view.setUint32(8, view.getUint32(8) ^ (index % 2 ** 32))
    return { name: 'AES-GCM', iv }
  }
}

/** Returns the length of all records of a content, without the header. @param {number} contentBytes above 0 */
export const sealedLength = contentBytes =>
  contentBytes + Math.ceil(contentBytes / RECORD_CONTENT_BYTES) * OVERHEAD_BYTES

/** Returns the records that contain a range. @param {number} start @param {number} end inclusive */
export const recordsOf = (start, end) => ({
  first: Math.floor(start / RECORD_CONTENT_BYTES),
  last: Math.floor(end / RECORD_CONTENT_BYTES)
})

/** Returns a whole message, with header. @param {Uint8Array} secret @param {Uint8Array} salt @param {Uint8Array} content not empty */
export async function encryptMessage(secret, salt, content) {
  const cipher = await RecordCipher.derive(secret, salt)
  const message = new Uint8Array(HEADER_BYTES + sealedLength(content.byteLength))
  message.set(salt)
  new DataView(message.buffer).setUint32(SALT_BYTES, RECORD_BYTES)
  const { last } = recordsOf(0, content.byteLength - 1)
  for (let i = 0; i <= last; i++) {
    const part = content.subarray(i * RECORD_CONTENT_BYTES, (i + 1) * RECORD_CONTENT_BYTES)
    message.set(await cipher.encrypt(i, part, i === last), HEADER_BYTES + i * RECORD_BYTES)
  }
  return message
}

/**
 * Returns the content of a whole message, of any record size up to 1 MiB. The result is smaller than the message.
 * @param {Uint8Array} secret @param {Uint8Array} message
 * @throws {Error} named BadRecordError
 */
export async function decryptMessage(secret, message) {
  if (message.byteLength < HEADER_BYTES) throw badRecord('the header is incomplete')
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength)
  const size = view.getUint32(SALT_BYTES)
  const start = HEADER_BYTES + view.getUint8(HEADER_BYTES - 1)
  if (size <= OVERHEAD_BYTES || size > FOREIGN_RECORD_BYTES_MAX) throw badRecord(`the record size is ${size}`)
  const count = Math.ceil((message.byteLength - start) / size)
  if (count < 1) throw badRecord('there is no record')
  const cipher = await RecordCipher.derive(secret, message.subarray(0, SALT_BYTES))
  const parts = []
  for (let i = 0; i < count; i++) {
    const record = message.subarray(start + i * size, start + (i + 1) * size)
    parts.push(await cipher.decrypt(i, record, i === count - 1))
  }
  return concatenated(parts)
}

/** Joins parts. @param {Uint8Array[]} parts */
export function concatenated(parts) {
  const [only] = parts
  if (only && parts.length === 1) return only
  const whole = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.byteLength
  }
  return whole
}

/** @param {string} message */
export const badRecord = message => Object.assign(new Error(message), { name: 'BadRecordError' })

/** WebCrypto takes no shared memory, which the type would allow. @param {Uint8Array} bytes */
const bytesOf = bytes => /** @type {Uint8Array<ArrayBuffer>} */ (bytes)
