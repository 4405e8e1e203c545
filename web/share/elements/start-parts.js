// @ts-check
// The parts of the start view that are loaded when the user opens them, by name.

import '../../common/icons.js'
import { SwarmLinkForm } from './link-form.js'
import { SwarmShareOptions } from './share-options.js'
import { SwarmTextForm } from './text-form.js'

/**
 * What the start view shows. The type stands here, because the module of the view is loaded on every page.
 * @typedef {object} StartState
 * @property {string} lead replaces the usual text, if it is not empty
 * @property {boolean} isBlocked whether the user cannot share
 * @property {string} accept @property {boolean} multiple as in a file input
 * @property {boolean} isWholePage whether files can be dropped anywhere
 * @property {boolean} isEncrypting whether shares are encrypted; the options need it
 * @property {boolean} opensLinks whether the user can open links
 */

/** @typedef {HTMLElement & { block: (isBlocked: boolean) => void }} StartPart */

export { SwarmLinkForm as link, SwarmShareOptions as options, SwarmTextForm as text }
