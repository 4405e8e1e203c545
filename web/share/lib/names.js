// @ts-check
// Makes untrusted file names safe for saving, unique, and safe for display. It uses no DOM.

import { t } from '../../common/words.js'

/** Every common file system allows this length in UTF-8 bytes, with room for a number. */
const NAME_BYTES_MAX = 200
/** macOS allows 1024 bytes, including the folder in which an archive is unpacked. */
const PATH_BYTES_MAX = 800

// Control characters, and those that reverse or hide parts of a name ("photo\u202Egpj.exe").
// The joiners U+200C and U+200D stay: scripts and emoji are written with them.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these characters are what it removes
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g
const FORBIDDEN = /[<>:"/\\|?*]/g
// Windows also treats a name with spaces before the dot as a device.
const RESERVED = /^(con|prn|aux|nul|conin\$|conout\$|com[\d¹²³]|lpt[\d¹²³])\s*(\.|$)/i
const IGNORABLE = /\p{Default_Ignorable_Code_Point}/gu
/** They have no UTF-8 encoding. */
const LONE_SURROGATE = /\p{Surrogate}/gu
const JUNK = /(^|\/)(\.DS_Store|Thumbs\.db|desktop\.ini|\.localized)$/i

/**
 * Returns a name that any system can save and that contains no folder, in the composed form of Unicode (NFC).
 * @param {string} name @param {string} [otherwise] if nothing is left
 */
export function safeFileName(name, otherwise = 'file') {
  const clean = trimmed(
    name.replace(LONE_SURROGATE, '\ufffd').replace(INVISIBLE, '').normalize('NFC').replace(FORBIDDEN, '_')
  )
  // Shortened first, because the short name may be a device.
  const short = trimmed(shorten(clean))
  return (RESERVED.test(short) ? `_${short}` : short) || otherwise
}

/** Returns a safe path for an archive, without `..` and empty parts, and of limited length. @param {string} path */
export function safePath(path) {
  const parts = path
    .split(/[/\\]/)
    .filter(part => part !== '' && part !== '.' && part !== '..')
    .map(part => safeFileName(part))
  // Removes the innermost folders first. `distinct` numbers files that get the same path.
  while (parts.length > 1 && !fits(parts.join('/'), PATH_BYTES_MAX)) parts.splice(-2, 1)
  return parts.join('/') || 'file'
}

/** Returns a name for display, without invisible characters and those that reverse text. @param {string} name */
export const shownName = name => name.replace(INVISIBLE, '') || t('unnamed')

/** Whether a file is one that operating systems create in folders. @param {string} path */
export const isJunk = path => JUNK.test(path)

/**
 * Returns unique paths: `a.txt`, `a (2).txt`. Paths that differ only in case, Unicode form or invisible characters count
 * as equal, as on some systems. No file has the name of a folder.
 * @param {string[]} paths
 */
export function distinct(paths) {
  const keys = paths.map(sameAs)
  const folders = new Set()
  for (const key of keys) {
    // From the inside: the parents of a known folder are known.
    for (
      let end = key.lastIndexOf('/');
      end > 0 && !folders.has(key.slice(0, end));
      end = key.lastIndexOf('/', end - 1)
    )
      folders.add(key.slice(0, end))
  }
  const taken = new Set(folders)
  /** The next number of each path, so that thousands of equal names are fast. @type {Map<string, number>} */
  const numbers = new Map()
  return paths.map((path, i) => {
    const first = keys[i] ?? ''
    let [unique, key] = [path, first]
    for (let n = numbers.get(first) ?? 2; taken.has(key); n++) {
      unique = numbered(path, n)
      key = sameAs(unique)
      numbers.set(first, n + 1)
    }
    taken.add(key)
    return unique
  })
}

/**
 * Returns the name of several files: their common folder, the only file, or the first file and a count. It is a part of
 * the share, so it has no word of a language.
 * @param {string[]} paths
 */
export function nameOfAll(paths) {
  const first = paths[0] ?? ''
  const [folder = '', ...rest] = first.split('/')
  if (rest.length && paths.every(path => path.startsWith(`${folder}/`))) return folder
  const name = first.slice(first.lastIndexOf('/') + 1)
  return paths.length === 1 ? name : `${name} (+${paths.length - 1})`
}

/** Returns the same text for paths that any system may treat as equal. @param {string} path */
const sameAs = path => path.normalize('NFKC').replace(IGNORABLE, '').toUpperCase().toLowerCase().normalize('NFKC')

const encoder = new TextEncoder()

/** @param {string} text */
const bytesOf = text => encoder.encode(text).length

/** Whether a text fits. Short texts need no encoding, because a code unit has at most three bytes. @param {string} text @param {number} bytesMax */
const fits = (text, bytesMax) => text.length * 3 <= bytesMax || bytesOf(text) <= bytesMax

/** Removes spaces around a name and dots at its end, which Windows drops. @param {string} name */
const trimmed = name => name.replace(/^\s+|[\s.]+$/g, '')

/** @param {string} path @param {number} n */
function numbered(path, n) {
  const dot = path.lastIndexOf('.')
  return dot > path.lastIndexOf('/') + 1 ? `${path.slice(0, dot)} (${n})${path.slice(dot)}` : `${path} (${n})`
}

/** Shortens a name before its ending. @param {string} name */
function shorten(name) {
  if (fits(name, NAME_BYTES_MAX)) return name
  const dot = name.lastIndexOf('.')
  const ending = dot > 0 && bytesOf(name.slice(dot)) <= 20 ? name.slice(dot) : ''
  // A code point has at least one byte.
  const stem = [...name.slice(0, name.length - ending.length)].slice(0, NAME_BYTES_MAX)
  while (!fits(stem.join('') + ending, NAME_BYTES_MAX)) stem.pop()
  return stem.join('') + ending
}
