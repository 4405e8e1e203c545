// @ts-check
// The index of an encrypted share: its name, the paths and sizes of its files, the salt of their content, and the time
// when it expires. It stands encrypted in the info dictionary of the torrent. This encodes it, and checks every part of a
// received one. The sender's media types are not in it: the page uses its own list. It uses no DOM.

import { SALT_BYTES } from './aes128gcm.js'
import { padme } from './padding.js'
import { fromBase64Url, toBase64Url } from './share-key.js'

const VERSION = 1
const LENGTH_BYTES = 4
/** The index is padded to a multiple of this, then by the rule Padmé, because its length reveals the number of files. */
const BLOCK_BYTES = 4096
export const FILES_MAX = 200_000
const PATH_CHARACTERS_MAX = 4096
/** The last moment that a Date can hold. */
const TIME_MAX = 8.64e15

/**
 * @typedef {{ path: string, size: number }} IndexFile `path`: below the name of the share, which is its first part
 * @typedef {object} ShareIndex
 * @property {string} name @property {IndexFile[]} files
 * @property {Uint8Array} salt of the content
 * @property {number | null} expires milliseconds since 1970; null: never
 */

/** @param {ShareIndex} index @returns {Uint8Array} with padding */
export function encodeIndex({ name, files, salt, expires }) {
  const listed = files.map(({ path, size }) => [path, size])
  const text = new TextEncoder().encode(
    JSON.stringify({ version: VERSION, name, salt: toBase64Url(salt), expires, files: listed })
  )
  const blocks = Math.ceil((LENGTH_BYTES + text.byteLength) / BLOCK_BYTES)
  const bytes = new Uint8Array(padme(blocks * BLOCK_BYTES))
  new DataView(bytes.buffer).setUint32(0, text.byteLength)
  bytes.set(text, LENGTH_BYTES)
  return bytes
}

/**
 * @param {Uint8Array} bytes decrypted
 * @returns {ShareIndex}
 * @throws {Error} named DamagedShareError, or NewerShareError if a newer page made the index
 */
export function decodeIndex(bytes) {
  if (bytes.byteLength < LENGTH_BYTES) throw damaged('the index is too short')
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
  if (length > bytes.byteLength - LENGTH_BYTES) throw damaged('the index is cut')
  const { version, name, salt, expires, files } = parse(bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + length))
  if (Number.isSafeInteger(version) && version > VERSION)
    throw Object.assign(new Error(`the index has version ${version}`), { name: 'NewerShareError' })
  if (version !== VERSION) throw damaged('the index has no version')
  if (!isPath(name) || name.includes('/')) throw damaged('the name is not valid')
  if (expires !== null && !(Number.isSafeInteger(expires) && expires >= 0 && expires <= TIME_MAX))
    throw damaged('the time of expiry is not valid')
  if (!Array.isArray(files) || files.length === 0 || files.length > FILES_MAX)
    throw damaged('the number of files is not valid')
  return { name, salt: saltOf(salt), expires, files: files.map(file => fileOf(file, name)) }
}

/** Returns the total size of the files. @param {{ size: number }[]} files @throws {Error} named DamagedShareError if it is no exact number */
export function totalSize(files) {
  const total = files.reduce((sum, { size }) => sum + size, 0)
  if (!Number.isSafeInteger(total)) throw damaged('the sizes are not valid')
  return total
}

/** Returns the length of the padded content. @param {{ size: number }[]} files */
export const paddedSize = files => padme(Math.max(BLOCK_BYTES, totalSize(files)))

/** @param {string} message */
export const damaged = message => Object.assign(new Error(message), { name: 'DamagedShareError' })

/** @param {Uint8Array} text @returns {Record<string, any>} */
function parse(text) {
  try {
    const value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch {
    /* the error below */
  }
  throw damaged('the index is not JSON')
}

/** @param {unknown} file @param {string} name @returns {IndexFile} */
function fileOf(file, name) {
  if (!Array.isArray(file) || file.length !== 2) throw damaged('a file is not valid')
  const [path, size] = file
  if (!isPath(path) || (path !== name && !path.startsWith(`${name}/`))) throw damaged('a path is not valid')
  if (!Number.isSafeInteger(size) || size < 0) throw damaged('a size is not valid')
  return { path, size }
}

/** Whether a text is a relative path without empty, `.` and `..` parts. @param {unknown} path @returns {path is string} */
const isPath = path =>
  typeof path === 'string' &&
  path.length <= PATH_CHARACTERS_MAX &&
  !path.includes('\0') &&
  path.split('/').every(part => part !== '' && part !== '.' && part !== '..')

/** @param {unknown} text */
function saltOf(text) {
  try {
    const salt = fromBase64Url(/** @type {string} */ (text))
    if (typeof text === 'string' && salt.byteLength === SALT_BYTES) return salt
  } catch {
    /* the error below */
  }
  throw damaged('the salt is not valid')
}
