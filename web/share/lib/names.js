// @ts-check
// Names of files come from strangers. Here they are made fit to be saved and to be told apart; showing them
// is the elements' business (always as text). Knows no DOM.

/** Longest name that every common file system takes, in UTF-8 bytes, with room for a number. */
const NAME_BYTES_MAX = 200
/** Longest path that macOS takes is 1024 bytes, with the folder that an archive is unpacked in. */
const PATH_BYTES_MAX = 800

// Control characters, and those that reverse or hide parts of a name ("photo\u202Egpj.exe").
// The joiners U+200C and U+200D stay: scripts and emoji are written with them.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these characters are what it removes
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g
const FORBIDDEN = /[<>:"/\\|?*]/g
// Windows also takes what has blanks before the dot for a device.
const RESERVED = /^(con|prn|aux|nul|conin\$|conout\$|com[\d¹²³]|lpt[\d¹²³])\s*(\.|$)/i
const IGNORABLE = /\p{Default_Ignorable_Code_Point}/gu
/** Half a surrogate pair has no UTF-8. */
const LONE_SURROGATE = /\p{Surrogate}/gu
const JUNK = /(^|\/)(\.DS_Store|Thumbs\.db|desktop\.ini|\.localized)$/i

/**
 * A name that can be saved on any system and names no folder, in the composed form of Unicode (NFC).
 * @param {string} name @param {string} [otherwise] when nothing is left
 */
export function safeFileName(name, otherwise = 'file') {
  const clean = trimmed(
    name.replace(LONE_SURROGATE, '\ufffd').replace(INVISIBLE, '').normalize('NFC').replace(FORBIDDEN, '_')
  )
  // Shortened first: what is left may be a device.
  const short = trimmed(shorten(clean))
  return (RESERVED.test(short) ? `_${short}` : short) || otherwise
}

/** The same for a path inside an archive: no way up, no empty part, and not longer than systems take. @param {string} path */
export function safePath(path) {
  const parts = path
    .split(/[/\\]/)
    .filter(part => part !== '' && part !== '.' && part !== '..')
    .map(part => safeFileName(part))
  // The folders next to the file go first; two files that come together by that are told apart by `distinct`.
  while (parts.length > 1 && !fits(parts.join('/'), PATH_BYTES_MAX)) parts.splice(-2, 1)
  return parts.join('/') || 'file'
}

/** A name as it may be shown: what is invisible or reverses text is left out. @param {string} name */
export const shownName = name => name.replace(INVISIBLE, '') || 'unnamed'

/** Files that systems leave in folders and nobody means to share. @param {string} path */
export const isJunk = path => JUNK.test(path)

/**
 * The same paths with none twice: `a.txt`, `a (2).txt`. Also not when they differ only by case, by the form of Unicode or by
 * what is invisible, which some systems take for the same; and no file is called like a folder.
 * @param {string[]} paths
 */
export function distinct(paths) {
  const keys = paths.map(sameAs)
  const folders = new Set()
  for (const key of keys) {
    // From the inside: where a folder is known, those around it are.
    for (
      let end = key.lastIndexOf('/');
      end > 0 && !folders.has(key.slice(0, end));
      end = key.lastIndexOf('/', end - 1)
    )
      folders.add(key.slice(0, end))
  }
  const taken = new Set(folders)
  /** Where the numbers of a path have got to, so that thousands of one name take no time. @type {Map<string, number>} */
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
 * What several files are called together: their common folder, the one file, or the first and a count.
 * @param {string[]} paths
 */
export function nameOfAll(paths) {
  const first = paths[0] ?? ''
  const [folder = '', ...rest] = first.split('/')
  if (rest.length && paths.every(path => path.startsWith(`${folder}/`))) return folder
  const name = first.slice(first.lastIndexOf('/') + 1)
  return paths.length === 1 ? name : `${name} and ${paths.length - 1} more`
}

/** What all systems that might take two paths for the same make of both. @param {string} path */
const sameAs = path => path.normalize('NFKC').replace(IGNORABLE, '').toUpperCase().toLowerCase().normalize('NFKC')

const encoder = new TextEncoder()

/** @param {string} text */
const bytesOf = text => encoder.encode(text).length

/** Without a count where even three bytes for each unit would fit: archives have thousands of names. @param {string} text @param {number} bytesMax */
const fits = (text, bytesMax) => text.length * 3 <= bytesMax || bytesOf(text) <= bytesMax

/** No blanks around it and no dots at its end, which Windows drops. @param {string} name */
const trimmed = name => name.replace(/^\s+|[\s.]+$/g, '')

/** @param {string} path @param {number} n */
function numbered(path, n) {
  const dot = path.lastIndexOf('.')
  return dot > path.lastIndexOf('/') + 1 ? `${path.slice(0, dot)} (${n})${path.slice(dot)}` : `${path} (${n})`
}

/** Cuts a long name in the middle of its stem, so that the ending stays. @param {string} name */
function shorten(name) {
  if (fits(name, NAME_BYTES_MAX)) return name
  const dot = name.lastIndexOf('.')
  const ending = dot > 0 && bytesOf(name.slice(dot)) <= 20 ? name.slice(dot) : ''
  // A code point is a byte at least.
  const stem = [...name.slice(0, name.length - ending.length)].slice(0, NAME_BYTES_MAX)
  while (!fits(stem.join('') + ending, NAME_BYTES_MAX)) stem.pop()
  return stem.join('') + ending
}
