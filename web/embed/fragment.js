// @ts-check
// The link in the address of the page. The first element that follows the address opens it.

import { parseLink } from '../share/lib/link.js'

/** @typedef {import('./share-element.js').SwarmShareElement} SwarmShareElement */

/** Connected elements, the first first. @type {Set<SwarmShareElement>} */
export const connected = new Set()

/** Opens the link in the address after each change, until `signal` aborts. @param {SwarmShareElement} element @param {AbortSignal} signal */
export function followFragment(element, signal) {
  connected.add(element)
  signal.addEventListener('abort', () => connected.delete(element))
  addEventListener('hashchange', () => openFragment(element), { signal })
}

/** Opens the link in the address, if there is one. @param {SwarmShareElement} element */
export function openFragment(element) {
  if (first() !== element) return
  const link = ownLink()
  if (!link) return
  // A corrected link has the same info-hash.
  const isOpen = link.kind === 'share' && (link.address === element.receiving || element.isSharing(link.infoHash))
  if (isOpen || !element.confirmLeave()) return
  // Notices show errors.
  element.open(location.hash).catch(() => {})
}

/** Removes the link from the address: a reload must not open a closed link again. @param {SwarmShareElement} element */
export function leaveFragment(element) {
  if (first() !== element || !ownLink()) return
  history.replaceState(history.state, '', location.pathname + location.search)
}

/** The link in the address, also an incomplete one; null: the fragment belongs to the page. */
function ownLink() {
  const link = parseLink(location.hash)
  return link.kind === 'share' || (link.kind === 'broken' && link.isCut) ? link : null
}

const first = () => [...connected].find(({ link }) => link === 'fragment')
