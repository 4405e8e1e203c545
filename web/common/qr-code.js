// @ts-check
// Draws a text as a QR code.

import { generate } from '../vendor/lean-qr/lean-qr.js'
import { s } from './dom.js'

/** Width of the quiet zone that scanners need around a QR code, in modules. */
const QUIET_ZONE = 4

/** Returns the picture of a QR code. @param {string} text @param {string} name for screen readers */
export function qrPicture(text, name) {
  const code = generate(text)
  let path = ''
  for (let y = 0; y < code.size; y++) {
    for (let x = 0; x < code.size; x++) if (code.get(x, y)) path += `M${x} ${y}h1v1h-1z`
  }
  const size = code.size + 2 * QUIET_ZONE
  const viewBox = `${-QUIET_ZONE} ${-QUIET_ZONE} ${size} ${size}`
  return s('svg', { viewBox, role: 'img', 'aria-label': name, 'shape-rendering': 'crispEdges' }, s('path', { d: path }))
}
