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
 * Loads the ICE servers of the operator. Without a response there are none; browsers in the same network still connect.
 * `refused`: the tracker requires a token, and the address has no valid one. The WebSocket API does not report this.
 * `pages`: the addresses of the page for other machines, if the server sends them.
 * @param {string | null} address
 * @returns {Promise<{ servers: RTCIceServer[], refused: boolean, pages: string[] | null }>}
 */
export async function loadIceServers(address) {
  const none = { servers: [], refused: false, pages: null }
  if (!address) return none
  try {
    const response = await fetch(address, { cache: 'no-cache', signal: AbortSignal.timeout(5_000) })
    // A ban is also a 403, but has a Retry-After header.
    if (response.status === 403 && !response.headers.has('retry-after')) return { ...none, refused: true }
    const { iceServers, pages } = await response.json()
    return {
      servers: Array.isArray(iceServers) ? iceServers : [],
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
