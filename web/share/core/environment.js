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
 * @param {string | null} address
 * @returns {Promise<RTCIceServer[]>}
 */
export async function loadIceServers (address) {
  if (!address) return []
  try {
    const response = await fetch(address, { cache: 'no-cache', signal: AbortSignal.timeout(5_000) })
    const { iceServers } = await response.json()
    return Array.isArray(iceServers) ? iceServers : []
  } catch {
    return []
  }
}

/** @returns {Promise<{ quota?: number, usage?: number }>} */
export async function storageEstimate () {
  try {
    return await navigator.storage.estimate()
  } catch {
    return {}
  }
}
