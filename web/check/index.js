// @ts-check
// The class of <swarm-check>, for programs that define it themselves. Importing this module defines nothing.

import { define } from '../common/dom.js'
import { SwarmCheckElement } from './elements/check-element.js'

export { SwarmCheckElement }

/**
 * Defines <swarm-check>, unless the page has defined it.
 * @param {{ script?: string }} [options] `script`: address of a script of the tracker, which is the default of `tracker`
 *   and `ice`
 */
export function defineSwarmCheck({ script = import.meta.url } = {}) {
  if (customElements.get('swarm-check')) return
  SwarmCheckElement.script = script
  define('swarm-check', SwarmCheckElement)
}
