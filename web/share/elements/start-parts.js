// @ts-check
// The parts of the start view that are loaded when the user opens them, by name.

import '../../common/icons.js'
import { SwarmLinkForm } from './link-form.js'
import { SwarmShareOptions } from './share-options.js'
import { SwarmTextForm } from './text-form.js'

/** @typedef {HTMLElement & { block: (isBlocked: boolean) => void }} StartPart */

export { SwarmLinkForm as link, SwarmShareOptions as options, SwarmTextForm as text }
