// @ts-check
// Creates the addresses of a server and the links of its shares. The element loads it on first use. It uses no DOM.

/**
 * Returns the addresses of an element. Empty texts stand for the defaults.
 * @param {{ script: string, tracker: string, ice: string, linkBase: string }} chosen the attributes, and the server or a
 *   script from it
 * @param {string} page address of the page
 * @returns {{ server: string | null, tracker: string, ice: string | null, linkBase: string }} `tracker`: empty if it is not known
 */
export function addressesOf({ script, tracker, ice, linkBase }, page) {
  const server = serverOf(script, page)
  // A tracker that is not swarmhub has no ICE settings there; then there are none.
  const iceServer = server ?? (tracker ? tracker.replace(/^ws/, 'http') : null)
  const own = ice || (iceServer && new URL('ice', iceServer).href)
  return {
    server,
    tracker: tracker || (server ? trackerOf(server) : ''),
    ice: own ? iceOf(own, iceServer ?? page) : null,
    linkBase: linkBaseOf(linkBase, page, server)
  }
}

/** Returns the link of a share. @param {string} base from `linkBaseOf` @param {string} address the info-hash, and the key of an encrypted share */
export function shareLink(base, address) {
  const url = new URL(base)
  url.hash = address
  return url.href
}

/**
 * Returns the address that the links of an element begin with.
 * @param {string} chosen the attribute `link-base`, or an empty text for the page itself
 * @param {string} page address of the page
 * @param {string | null} server address of the server, with its token
 */
export function linkBaseOf(chosen, page, server) {
  const base = new URL(chosen || page, page)
  base.hash = ''
  // The query of the sharing page says nothing to receivers, except the token.
  if (server && isPageOf(server, base)) base.search = tokenOf(new URL(server))
  return base.href
}

/** Whether an address is the sharing page of a server. @param {string} server @param {URL | string} page */
export function isPageOf(server, page) {
  const [one, other] = [new URL(server), new URL(page)]
  return one.origin === other.origin && one.pathname === other.pathname
}

/** Returns the magnet link of a share. @param {string} infoHash @param {string} name empty: it is secret @param {string} tracker */
export const magnetOf = (infoHash, name, tracker) =>
  `magnet:?xt=urn:btih:${infoHash}${name && `&dn=${encodeURIComponent(name)}`}&tr=${encodeURIComponent(tracker)}`

/**
 * Returns the address of a server, with a slash at the end and its token; null: it is not known.
 * @param {string} address of the server, such as `https://hub.example` or `wss://hub.example/announce`, or of a script from
 *   it: `embed.js`, `check.js` or a module below `assets/`. Another script is a copy that the page serves
 * @param {string} page address of the page
 */
export function serverOf(address, page) {
  if (!address || !URL.canParse(address, page)) return null
  const url = new URL(address, page)
  if (!/^(http|ws)s?:$/.test(url.protocol)) return null
  const script = /^(.*\/)(?:(?:embed|check)\.js|assets\/[^/]+\/(?:embed|check|connect)\/[^/]+\.js)$/
  const start = /\.js$/.test(url.pathname)
    ? script.exec(url.pathname)?.[1]
    : url.pathname.replace(/(\/announce)?\/?$/, '/')
  if (!start) return null
  url.protocol = url.protocol.replace('ws', 'http')
  url.pathname = start
  // A page of the server itself has the token in its own address.
  url.search = tokenOf(url) || (url.origin === new URL(page).origin ? tokenOf(new URL(page)) : '')
  url.hash = ''
  return url.href
}

/** Returns the tracker of a server. It is relative to the server, because a proxy may serve it under a path. @param {string} serverUrl */
export function trackerOf(serverUrl) {
  const server = new URL(serverUrl)
  const url = new URL(`announce${tokenOf(server)}`, server)
  url.protocol = server.protocol === 'https:' ? 'wss:' : 'ws:'
  return url.href
}

/** The server takes the last path segment of this length for a token: docs/access.md. */
const TOKEN_LENGTH_MIN = 16

/**
 * Returns the addresses where a tracker may say whether it serves a page, the likeliest first. Only swarmhub answers. An
 * address of the tracker may hide the path of its server behind a proxy; the server of the same host, if there is one, knows it.
 * @param {string} tracker @param {string | null} server @param {string} origin of the page
 */
export function checkAddressesOf(tracker, server, origin) {
  const { protocol, host, pathname, searchParams } = new URL(tracker)
  const segments = pathname.split('/').filter(segment => segment !== '' && segment !== 'announce')
  const at = segments.findLastIndex(segment => segment.length >= TOKEN_LENGTH_MIN)
  const [ofPath] = at < 0 ? [] : segments.splice(at, 1)
  const token = searchParams.getAll('token').at(-1) ?? (ofPath && decodeURIComponent(ofPath))
  const root = `${protocol.replace('ws', 'http')}//${host}/`
  const isOwn = server !== null && new URL(server).host === host
  const bases = new Set([isOwn ? server : root + segments.map(segment => `${segment}/`).join(''), root])
  return [...bases].map(base => {
    const url = new URL('api/v1/check', base)
    url.searchParams.set('origin', origin)
    if (token) url.searchParams.set('token', token)
    return url.href
  })
}

/** Returns the address of the start page, with the token. @param {string} pageUrl */
export const startOf = pageUrl => `./${tokenOf(new URL(pageUrl))}`

/**
 * Returns the address of the manifest of the sharing page, with its token: the installed app opens with it. The path of the
 * page identifies the app, also with another token; a proxy may hide it from the server. @param {string} pageUrl
 */
export function manifestOf(pageUrl) {
  const token = tokenOf(new URL(pageUrl)).replace('?', '&')
  return `manifest.webmanifest?page=${new URL('./', pageUrl).pathname}${token}`
}

/** Returns the address of the ICE settings, with the token if it is of that server. @param {string} address @param {string} serverUrl */
export function iceOf(address, serverUrl) {
  const server = new URL(serverUrl)
  const url = new URL(address, server)
  if (url.origin === server.origin && !url.searchParams.has('token'))
    url.search += url.search ? tokenOf(server).replace('?', '&') : tokenOf(server)
  return url.href
}

/** Returns the token of an address as a query, or an empty text. @param {URL} url */
function tokenOf(url) {
  const token = url.searchParams.get('token')
  return token ? `?token=${encodeURIComponent(token)}` : ''
}
