// The types of the components of React.

import type { ForwardRefExoticComponent, HTMLAttributes, RefAttributes } from 'react'
import type { SwarmCheckElement, SwarmCheckEventMap, SwarmCheckProperties } from './check.js'
import type { SwarmShareElement, SwarmShareEventMap, SwarmShareProperties } from './index.js'
import './jsx.js'

export { defineSwarmCheck } from './check.js'
export { defineSwarmShare } from './index.js'

export interface SwarmShareProps
  extends Omit<HTMLAttributes<SwarmShareElement>, 'onError' | 'onProgress'>,
    SwarmShareProperties {
  onShared?: (event: SwarmShareEventMap['shared']) => void
  onPeer?: (event: SwarmShareEventMap['peer']) => void
  onProgress?: (event: SwarmShareEventMap['progress']) => void
  onFile?: (event: SwarmShareEventMap['file']) => void
  onDone?: (event: SwarmShareEventMap['done']) => void
  onError?: (event: SwarmShareEventMap['error']) => void
  onShareOpen?: (event: SwarmShareEventMap['share-open']) => void
}

export interface SwarmCheckProps extends HTMLAttributes<SwarmCheckElement>, SwarmCheckProperties {
  onChecked?: (event: SwarmCheckEventMap['checked']) => void
}

export declare const SwarmShare: ForwardRefExoticComponent<SwarmShareProps & RefAttributes<SwarmShareElement>>

export declare const SwarmCheck: ForwardRefExoticComponent<SwarmCheckProps & RefAttributes<SwarmCheckElement>>
