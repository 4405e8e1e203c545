// @ts-check
// The link in the address of the page. Of several elements, the first that follows the address opens it. Fragments that
// are no links belong to the page. The element uses it.

import { parseLink } from '../share/lib/link.js'

/** @typedef {import('./share-element.js').SwarmShareElement} SwarmShareElement */

/** Connected elements, the first first. @type {Set<SwarmShareElement>} */
const connected = new Set()

/** Opens the link in the address after each change, until `signal` aborts. @param {SwarmShareElement} element @param {AbortSignal} signal */
export function followFragment(element, signal) {
  connected.add(element)
  signal.addEventListener('abort', () => connected.delete(element))
  addEventListener('hashchange', () => openFragment(element), { signal })
}

/** Opens the link in the address, if there is one. @param {SwarmShareElement} element */
export function openFragment(element) {
  if (first() !== element) return
  const link = parseLink(location.hash)
  if (link.kind !== 'share' || link.infoHash === element.infoHash || !element.confirmLeave()) return
  // A notice tells the user about errors.
  element.open(link.address).catch(() => {})
}

/** Removes the link from the address: a reload must not open a closed link again. @param {SwarmShareElement} element */
export function leaveFragment(element) {
  if (first() !== element || parseLink(location.hash).kind !== 'share') return
  history.replaceState(history.state, '', location.pathname + location.search)
}

const first = () => [...connected].find(({ link }) => link === 'fragment')
