// @ts-check
// Detects the capabilities of the browser, and loads the ICE settings of the server. lib/texts.js has the texts about
// missing capabilities. The swarm-share element and the session use it.

/** Returns the capabilities of the browser. @param {string} address of the page, for display */
export const environment = address => ({
  secure: globalThis.isSecureContext,
  subtle: Boolean(globalThis.crypto?.subtle),
  webrtc: typeof globalThis.RTCPeerConnection === 'function',
  webSocket: typeof globalThis.WebSocket === 'function',
  address
})

/**
 * @typedef {object} IceSettings
 * @property {RTCIceServer[] | null} servers of the operator; null: no usable response
 * @property {number | null} ttl seconds for which credentials are valid; null: for ever
 * @property {boolean} refused the tracker requires a token, and the address has no valid one. The WebSocket API does not
 *   report this.
 * @property {string[] | null} pages the addresses of the page for other machines, if the server sends them
 */

/**
 * Loads the ICE settings. Without servers, browsers in the same network still connect.
 * @param {string | null} address
 * @returns {Promise<IceSettings>}
 */
export async function loadIceSettings(address) {
  const none = { servers: null, ttl: null, refused: false, pages: null }
  if (!address) return { ...none, servers: [] }
  try {
    const response = await fetch(address, { cache: 'no-cache', signal: AbortSignal.timeout(5_000) })
    // A ban is also a 403, but has a Retry-After header. Other trackers have other reasons.
    if (response.status === 403 && !response.headers.has('retry-after'))
      return { ...none, refused: /token/.test(await response.text()) }
    // Another tracker: it will have none later either.
    if (response.status === 404) return { ...none, servers: [] }
    const { iceServers, ttl, pages } = await response.json()
    return {
      servers: Array.isArray(iceServers) ? iceServers : [],
      ttl: Number.isFinite(ttl) && ttl > 0 ? ttl : null,
      refused: false,
      pages: Array.isArray(pages) ? pages : null
    }
  } catch {
    return none
  }
}

/** @returns {Promise<{ quota?: number, usage?: number }>} */
export async function storageEstimate() {
  try {
    return await navigator.storage.estimate()
  } catch {
    return {}
  }
}
