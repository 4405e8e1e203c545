// @ts-check
// The class of <swarm-share>, for programs that define it themselves. Importing this module changes nothing, and works
// outside of browsers too. define.js defines the element.

import { define } from '../common/dom.js'
import { SwarmDropTarget } from '../share/elements/drop-target.js'
import { SwarmStart } from '../share/elements/start-view.js'
import { SwarmShareElement } from './share-element.js'

export { SwarmShareElement }

/**
 * Defines <swarm-share>, unless the page has defined it.
 * @param {{ script?: string }} [options] `script`: address of a script of the tracker, which is the default of `tracker`
 *   and `ice`
 */
export function defineSwarmShare({ script = import.meta.url } = {}) {
  if (customElements.get('swarm-share')) return
  SwarmShareElement.script = script
  try {
    // Makes `1em` of the element an absolute length for its content: embed/style/host.css.
    CSS.registerProperty({ name: '--swarm-rem', syntax: '<length>', inherits: true, initialValue: '16px' })
  } catch {
    // Registered by another copy, or not supported. Then sizes follow the text around them.
  }
  define('swarm-start', SwarmStart)
  define('swarm-drop-target', SwarmDropTarget)
  define('swarm-share', SwarmShareElement)
}
