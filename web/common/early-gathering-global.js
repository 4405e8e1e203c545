// @ts-check
// Replaces the global RTCPeerConnection by one that ends gathering early, while webtorrent is loaded: it takes the class
// from the global object. So the engine imports this module before webtorrent and restores the global afterwards; an
// embedding page keeps its own.

import { withEarlyGatheringEnd } from './early-gathering.js'

const native = globalThis.RTCPeerConnection
globalThis.RTCPeerConnection = withEarlyGatheringEnd(native)

export function restoreRTCPeerConnection() {
  globalThis.RTCPeerConnection = native
}
