// @ts-check
// The entry point of the pages of /docs. They are complete without it, except for the search.

import './elements/docs-search.js'
import { closeOnChoice } from './lib/popovers.js'

for (const popover of document.querySelectorAll('[popover]')) closeOnChoice(/** @type {HTMLElement} */ (popover))
