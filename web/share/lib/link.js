// @ts-check
// Parses links. Info-hash and key are in the fragment, so no server gets them.

const HEX = /^[0-9a-f]{40}$/i
const BASE32 = /^[a-z2-7]{32}$/i
const MAGNET = /(?:^|[?&])xt=urn:btih:([0-9a-z]+)/i

/** Info-hash, key in base64url, and "p" if a password is needed too. */
const SEALED = /^([0-9a-fA-F]{40})\.([A-Za-z0-9_-]{21}[AQgw])(p?)$/
const CUT = /^[0-9a-f]{40}\./i
/** What mail programs and people add behind a link. */
const TRAILING = /[\s.,;:!?'"»“”’*_~…>)\]}]+$/
/** A link whose "#" became "%23": link scanners do this. */
const ESCAPED = /%23(?=[0-9a-f]{40}(\.|%2e|$|[^0-9a-z]))/i

/**
 * @typedef {object} ShareLink
 * @property {'share'} kind @property {string} infoHash
 * @property {string | null} key of an encrypted share, in base64url
 * @property {boolean} hasPassword whether a password is needed too
 * @property {string} address the fragment of a clean link, without its `#`
 * @typedef {{ kind: 'none' } | ShareLink | { kind: 'broken', isCut: boolean }} Link
 */

/**
 * Parses a fragment, with or without its `#`, or a magnet link.
 * @param {string} fragment @returns {Link}
 */
export function parseLink(fragment) {
  const text = decode(fragment.replace(/^#\/?/, '')).trim()
  if (!text) return { kind: 'none' }
  const id = (MAGNET.exec(text)?.[1] ?? text.split(/[&?]/, 1)[0] ?? '').replace(TRAILING, '')
  const [, infoHash, key, password] = SEALED.exec(id) ?? []
  if (infoHash && key) return shareOf(infoHash.toLowerCase(), key, password !== '')
  if (HEX.test(id)) return shareOf(id.toLowerCase())
  if (BASE32.test(id)) return shareOf(base32ToHex(id))
  return { kind: 'broken', isCut: CUT.test(id) }
}

/** @param {string} infoHash @param {string | null} [key] @param {boolean} [hasPassword] @returns {ShareLink} */
const shareOf = (infoHash, key = null, hasPassword = false) => ({
  kind: 'share',
  infoHash,
  key,
  hasPassword,
  address: key ? `${infoHash}.${key}${hasPassword ? 'p' : ''}` : infoHash
})

/**
 * Repairs a mangled link: `/%23d2f1…` becomes `/#d2f1…`. Null: nothing is wrong.
 * @param {string} pageUrl
 */
export function repairedLink(pageUrl) {
  const { origin, pathname, search, hash } = new URL(pageUrl)
  const text = pathname + search
  return hash === '' && ESCAPED.test(text) ? origin + text.replace(ESCAPED, '#') : null
}

/**
 * Parses a link, also a mangled one, a magnet link or an info-hash, also among words.
 * @param {string} text @returns {Link}
 */
export function parsePasted(text) {
  const links = [text.trim(), ...text.split(/[\s<>()"„“‘«]+/)].map(parseWord)
  return /** @type {Link} */ (links.find(({ kind }) => kind === 'share') ?? links[0])
}

/** @param {string} text @returns {Link} */
function parseWord(text) {
  const link = (URL.canParse(text) && repairedLink(text)) || text
  return parseLink(link.includes('#') ? link.slice(link.indexOf('#')) : link)
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** @param {string} text 32 characters */
function base32ToHex(text) {
  let bits = 0n
  for (const character of text.toLowerCase()) {
    bits = (bits << 5n) | BigInt('abcdefghijklmnopqrstuvwxyz234567'.indexOf(character))
  }
  return bits.toString(16).padStart(40, '0')
}
