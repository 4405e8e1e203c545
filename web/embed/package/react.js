'use client'

// <swarm-share> and <swarm-check> as components of React, from version 17 on.

import { createComponent } from '@lit/react'
import * as React from 'react'
import { defineSwarmCheck, SwarmCheckElement } from '../../check/index.js'
import { defineSwarmShare, SwarmShareElement } from '../index.js'

export { defineSwarmCheck, defineSwarmShare }

/** React 18 warns about layout effects on a server. */
const useLayoutEffect = globalThis.document ? React.useLayoutEffect : React.useEffect

// The marks let bundlers drop the component that a page does not use.
export const SwarmShare = /* @__PURE__ */ component('swarm-share', SwarmShareElement, defineSwarmShare, {
  onShared: 'shared',
  onPeer: 'peer',
  onProgress: 'progress',
  onFile: 'file',
  onDone: 'done',
  onError: 'error',
  onShareOpen: 'share-open'
})

export const SwarmCheck = /* @__PURE__ */ component('swarm-check', SwarmCheckElement, defineSwarmCheck, {
  onChecked: 'checked'
})

/**
 * Returns a component that defines its element after the first properties are set. Else an element that the server has
 * rendered would open the link in the address of the page before it has its tracker.
 */
function component(tagName, elementClass, defineElement, events) {
  const Inner = createComponent({ react: React, tagName, elementClass, events })
  // biome-ignore lint/correctness/noComponentHookFactories: it is called once for each element, when the module loads.
  const Outer = React.forwardRef((props, ref) => {
    // The effects of the inner component run first: they set the properties.
    useLayoutEffect(() => defineElement(), [])
    return React.createElement(Inner, { ...props, ref })
  })
  Outer.displayName = tagName
  return Outer
}
