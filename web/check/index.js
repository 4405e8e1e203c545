// @ts-check
// The class of <swarm-check>, for programs that define it themselves. Importing this module defines nothing.

import { define } from '../common/dom.js'
import { SwarmCheckElement } from './elements/check-element.js'

export { SwarmCheckElement }

/**
 * Defines <swarm-check>, unless it is defined. Outside of browsers it does nothing.
 * @param {{ server?: string, script?: string }} [options] address of a server, or of a script from it, for `tracker` and `ice`
 */
export function defineSwarmCheck({ server = '', script = '' } = {}) {
  SwarmCheckElement.script = server || SwarmCheckElement.script || script
  if (!globalThis.customElements || customElements.get('swarm-check')) return
  define('swarm-check', SwarmCheckElement)
}
