// @ts-check
// The class of <swarm-share>. Importing this module changes nothing, and works outside of browsers too.

import { define } from '../common/dom.js'
import { SwarmDropTarget } from '../share/elements/drop-target.js'
import { SwarmStart } from '../share/elements/start-view.js'
import { SwarmShareElement } from './share-element.js'

export { SwarmShareElement }

/**
 * Defines <swarm-share>, unless it is defined. Outside of browsers it does nothing.
 * @param {{ server?: string, script?: string }} [options] address of a server, or of a script from it, for `tracker` and `ice`
 */
export function defineSwarmShare({ server = '', script = '' } = {}) {
  SwarmShareElement.script = server || SwarmShareElement.script || script
  if (!globalThis.customElements || customElements.get('swarm-share')) return
  try {
    // Makes `1em` of the element an absolute length for its content: embed/style/host.css.
    CSS.registerProperty({ name: '--swarm-rem', syntax: '<length>', inherits: true, initialValue: '16px' })
  } catch {
    // Registered by another copy, or not supported: then sizes follow the text around them.
  }
  define('swarm-start', SwarmStart)
  define('swarm-drop-target', SwarmDropTarget)
  define('swarm-share', SwarmShareElement)
}
