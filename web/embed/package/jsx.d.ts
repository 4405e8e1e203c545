// The types of the elements in JSX of React 19, which passes properties and events to custom elements.

import type { DetailedHTMLProps, HTMLAttributes } from 'react'
import type { SwarmCheckElement, SwarmCheckEventMap, SwarmCheckProperties } from './check.js'
import type { SwarmShareElement, SwarmShareEventMap, SwarmShareProperties } from './index.js'

/** React passes `onNAME` as a listener of the event `NAME`. */
type Listeners<Events> = { [Name in keyof Events & string as `on${Name}`]?: (event: Events[Name]) => void }

type ElementProps<Element, Properties, Events> = DetailedHTMLProps<HTMLAttributes<Element>, Element> &
  Properties &
  Listeners<Events>

declare module 'react' {
  namespace JSX {
    interface IntrinsicElements {
      'swarm-share': ElementProps<SwarmShareElement, SwarmShareProperties, SwarmShareEventMap>
      'swarm-check': ElementProps<SwarmCheckElement, SwarmCheckProperties, SwarmCheckEventMap>
    }
  }
}
