// The types of the elements in templates of Vue 3.

import type { HTMLAttributes } from 'vue'
import type { SwarmCheckElement, SwarmCheckEventMap, SwarmCheckProperties } from './check.js'
import type { SwarmShareElement, SwarmShareEventMap, SwarmShareProperties } from './index.js'

/** Vue passes `@NAME` as a listener of the event `NAME`. */
type Listeners<Events> = { [Name in keyof Events & string as `on${Capitalize<Name>}`]?: (event: Events[Name]) => void }

type ElementComponent<Element, Properties, Events> = new () => Element & {
  /** Only for the types of templates. */
  $props: Omit<HTMLAttributes, keyof Listeners<Events>> & Properties & Listeners<Events>
}

declare module 'vue' {
  interface GlobalComponents {
    'swarm-share': ElementComponent<SwarmShareElement, SwarmShareProperties, SwarmShareEventMap>
    'swarm-check': ElementComponent<SwarmCheckElement, SwarmCheckProperties, SwarmCheckEventMap>
  }
}
