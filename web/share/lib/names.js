// @ts-check
// Names of files come from strangers. Here they are made fit to be saved and to be told apart; showing them
// is the elements' business (always as text). Knows no DOM.

/** Longest name that every common file system takes, in UTF-8 bytes. */
const NAME_BYTES_MAX = 200

// Control characters, and those that reverse or hide parts of a name ("photo\u202Egpj.exe").
// The joiners U+200C and U+200D stay: scripts and emoji are written with them.
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g
const FORBIDDEN = /[<>:"/\\|?*]/g
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i
const JUNK = /(^|\/)(\.DS_Store|Thumbs\.db|desktop\.ini|\.localized)$/i

/**
 * A name that can be saved on any system and names no folder.
 * @param {string} name @param {string} [otherwise] when nothing is left
 */
export function safeFileName (name, otherwise = 'file') {
  let safe = name.replace(INVISIBLE, '').replace(FORBIDDEN, '_').replace(/^\s+|[\s.]+$/g, '')
  if (RESERVED.test(safe)) safe = `_${safe}`
  return shorten(safe) || otherwise
}

/** The same for a path inside an archive: no way up, no empty part. @param {string} path */
export function safePath (path) {
  const parts = path.split(/[/\\]/).filter(part => part !== '' && part !== '.' && part !== '..')
  return parts.map(part => safeFileName(part)).join('/') || 'file'
}

/** A name as it may be shown: what is invisible or reverses text is left out. @param {string} name */
export const shownName = name => name.replace(INVISIBLE, '') || 'unnamed'

/** Files that systems leave in folders and nobody means to share. @param {string} path */
export const isJunk = path => JUNK.test(path)

/**
 * The same paths with none twice: `a.txt`, `a (2).txt`. Also not when they differ by case only, which
 * some systems take for the same.
 * @param {string[]} paths
 */
export function distinct (paths) {
  const taken = new Set()
  return paths.map(path => {
    let unique = path
    for (let n = 2; taken.has(unique.toLowerCase()); n++) unique = numbered(path, n)
    taken.add(unique.toLowerCase())
    return unique
  })
}

/**
 * What several files are called together: their common folder, the one file, or the first and a count.
 * @param {string[]} paths
 */
export function nameOfAll (paths) {
  const first = paths[0] ?? ''
  const [folder = '', ...rest] = first.split('/')
  if (rest.length && paths.every(path => path.startsWith(`${folder}/`))) return folder
  const name = first.slice(first.lastIndexOf('/') + 1)
  return paths.length === 1 ? name : `${name} and ${paths.length - 1} more`
}

/** @param {string} path @param {number} n */
function numbered (path, n) {
  const dot = path.lastIndexOf('.')
  return dot > path.lastIndexOf('/') + 1 ? `${path.slice(0, dot)} (${n})${path.slice(dot)}` : `${path} (${n})`
}

/** Cuts a long name in the middle of its stem, so that the ending stays. @param {string} name */
function shorten (name) {
  const bytes = (/** @type {string} */ text) => new TextEncoder().encode(text).length
  if (bytes(name) <= NAME_BYTES_MAX) return name
  const dot = name.lastIndexOf('.')
  const ending = dot > 0 && bytes(name.slice(dot)) <= 20 ? name.slice(dot) : ''
  const stem = [...name.slice(0, name.length - ending.length)]
  while (bytes(stem.join('') + ending) > NAME_BYTES_MAX) stem.pop()
  return stem.join('') + ending
}
