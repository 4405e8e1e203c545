// @ts-check
// The geometry of the picture of the swarm: this browser in the middle, its peers around it. It uses no DOM.
// elements/peer-view.js draws it.

import { t } from '../../common/words.js'

/** The picture shows more peers as a number. */
export const PEERS_DRAWN_MAX = 16

/** @typedef {import('./connection-path.js').Path} Path */
/**
 * @typedef {{ id: string, path: Path, down: number, up: number, progress: number }} DrawnPeer
 * @typedef {{ id: string, x: number, y: number, path: Path, width: number, active: boolean, progress: number }} Spot
 */

/**
 * Places the peers in a box of `size` units. It keeps their order, so a peer moves only when others join or leave.
 * @param {DrawnPeer[]} peers @param {number} size
 * @returns {{ centre: number, spots: Spot[], more: number }}
 */
export function swarmPicture(peers, size) {
  const centre = size / 2
  const radius = size * 0.37
  const drawn = peers.slice(0, PEERS_DRAWN_MAX)
  const spots = drawn.map((peer, i) => {
    const angle = (2 * Math.PI * i) / drawn.length - Math.PI / 2
    return {
      id: peer.id,
      x: round(centre + radius * Math.cos(angle)),
      y: round(centre + radius * Math.sin(angle)),
      path: peer.path,
      width: lineWidth(peer.down + peer.up),
      active: peer.down + peer.up > 0,
      progress: Math.min(1, Math.max(0, peer.progress))
    }
  })
  return { centre, spots, more: peers.length - drawn.length }
}

/** Describes the picture. @param {DrawnPeer[]} peers */
export function pictureText(peers) {
  if (peers.length === 0) return t('Not connected to any peer yet.')
  const parts = Object.entries(HOW).flatMap(([path, text]) => {
    const n = peers.filter(peer => peer.path === path).length
    return n ? [text(n)] : []
  })
  return t('Connected to {n}: {parts}.', { n: peers.length, parts: parts.join(', ') })
}

/** How peers are connected, in the order of the description. @type {Record<Path, (n: number) => string>} */
const HOW = {
  'same-network': n => t('{n} in the same network', { n }),
  direct: n => t('{n} directly', { n }),
  'own-relay': n => t('{n} through the tracker’s relay', { n }),
  'other-relay': n => t('{n} through a relay', { n }),
  connecting: n => t('{n} still being checked', { n })
}

/** Returns a width on a logarithmic scale: 1.5 without transfer, 5 from 10 MB/s. @param {number} bytesPerSecond */
const lineWidth = bytesPerSecond =>
  round(1.5 + Math.min(3.5, Math.max(0, Math.log10(1 + bytesPerSecond / 1000) * 0.875)))

/** @param {number} value */
const round = value => Math.round(value * 100) / 100
