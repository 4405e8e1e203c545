// @ts-check
// Step 1: whether the browser and the address of the page have what connections need. It uses no DOM.

import { failed, good } from './outcomes.js'

const OTHER_BROWSER = 'Switch it on for this page, or use a current Firefox, Chrome, Edge or Safari.'

/** @param {{ secure: boolean, subtle: boolean, webrtc: boolean, webSocket: boolean, address: string }} seen */
export function browserOutcome({ secure, subtle, webrtc, webSocket, address }) {
  if (!webSocket)
    return failed(
      'This browser has no WebSocket, so it reaches no tracker.',
      'Use a current Firefox, Chrome, Edge or Safari.'
    )
  if (!webrtc)
    return failed('WebRTC is missing or switched off. Some privacy settings and add-ons do that.', OTHER_BROWSER)
  if (!secure)
    return failed(
      `The page was opened over plain http (${address}). Browsers then switch off cryptography, which sharing needs.`,
      'Open the page at its https:// address, or on the same machine at http://localhost. The server gets an https address with --tls-self-signed or a certificate.'
    )
  if (!subtle) return failed('Cryptography (WebCrypto) is missing.', OTHER_BROWSER)
  return good('Secure page, WebRTC, WebSocket and cryptography are there.')
}
