// @ts-check
// What the browser and the address of the page allow. Asks the browser, decides nothing; the texts are
// in lib/texts.js. Used by the swarm-share element.

/** @param {string} address as it is shown to people */
export const environment = address => ({
  secure: globalThis.isSecureContext,
  subtle: Boolean(globalThis.crypto?.subtle),
  webrtc: typeof globalThis.RTCPeerConnection === 'function',
  webSocket: typeof globalThis.WebSocket === 'function',
  address
})

/**
 * The ICE servers the operator configured. None when the answer does not come: two browsers in one network then
 * still find each other.
 * `refused`: the tracker serves only who shows its token, and none was shown, or a wrong one. Browsers do not say so of a WebSocket.
 * `pages`: where other machines can open the page, if the server told so.
 * @param {string | null} address
 * @returns {Promise<{ servers: RTCIceServer[], refused: boolean, pages: string[] | null }>}
 */
export async function loadIceServers(address) {
  const none = { servers: [], refused: false, pages: null }
  if (!address) return none
  try {
    const response = await fetch(address, { cache: 'no-cache', signal: AbortSignal.timeout(5_000) })
    // A ban is a 403 as well, but it ends.
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
