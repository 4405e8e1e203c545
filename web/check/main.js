// @ts-check
// The entry point of the page /check: a link with an info-hash joins the check of another device.

import { startOf } from '../share/lib/addresses.js'
import { defineSwarmCheck } from './index.js'

/** @typedef {import('./index.js').SwarmCheckElement} SwarmCheckElement */

const element = /** @type {SwarmCheckElement} */ (document.querySelector('swarm-check'))
document.querySelector('.brand')?.setAttribute('href', startOf(location.href))

/** Passes the info-hash of the address to the element. */
const readAddress = () => element.setAttribute('swarm', location.hash.slice(1))

// Before the definition, which starts the check.
readAddress()
defineSwarmCheck({ script: import.meta.url })
addEventListener('hashchange', () => {
  readAddress()
  element.run()
})
