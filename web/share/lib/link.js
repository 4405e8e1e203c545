// @ts-check
// Parses and creates links of the page. The info-hash is in the fragment, so no server log contains it. It uses no DOM.

const HEX = /^[0-9a-f]{40}$/i
const BASE32 = /^[a-z2-7]{32}$/i
const MAGNET = /(?:^|[?&])xt=urn:btih:([0-9a-z]+)/i

/** @typedef {{ kind: 'none' } | { kind: 'share', infoHash: string } | { kind: 'broken' }} Link */

/**
 * Parses a fragment such as `#d2f1…`, or a pasted magnet link.
 * @param {string} fragment with or without its `#`
 * @returns {Link}
 */
export function parseLink(fragment) {
  const text = decode(fragment.replace(/^#\/?/, '')).trim()
  if (!text) return { kind: 'none' }
  const id = MAGNET.exec(text)?.[1] ?? text.split('&', 1)[0] ?? ''
  if (HEX.test(id)) return { kind: 'share', infoHash: id.toLowerCase() }
  if (BASE32.test(id)) return { kind: 'share', infoHash: base32ToHex(id) }
  return { kind: 'broken' }
}

/**
 * Returns the link of a share. It has no query but the token of the page's address, because receivers need it too.
 * @param {string} pageUrl @param {string} infoHash
 */
export function shareLink(pageUrl, infoHash) {
  const url = new URL(pageUrl)
  url.search = tokenOf(url)
  url.hash = infoHash
  return url.href
}

/** Returns the default tracker of a page. It is relative to the page, because a proxy may serve both under a path. @param {string} pageUrl */
export function trackerOf(pageUrl) {
  const page = new URL(pageUrl)
  const url = new URL(`announce${tokenOf(page)}`, page)
  url.protocol = page.protocol === 'https:' ? 'wss:' : 'ws:'
  return url.href
}

/** Returns the address of the start page, with the token. @param {string} pageUrl */
export const startOf = pageUrl => `./${tokenOf(new URL(pageUrl))}`

/** Returns the address of the ICE settings, with the token if the server is that of the page. @param {string} address @param {string} pageUrl */
export function iceOf(address, pageUrl) {
  const page = new URL(pageUrl)
  const url = new URL(address, page)
  if (url.origin === page.origin && !url.searchParams.has('token'))
    url.search += url.search ? tokenOf(page).replace('?', '&') : tokenOf(page)
  return url.href
}

/** Returns the token of an address as a query, or an empty text. @param {URL} url */
function tokenOf(url) {
  const token = url.searchParams.get('token')
  return token ? `?token=${encodeURIComponent(token)}` : ''
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
