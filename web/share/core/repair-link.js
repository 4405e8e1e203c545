// @ts-check
// Repairs the address of the page if it is a mangled link, before other modules read it. It also takes the key out of the
// history of the browser. The sharing page loads it first.

import { repairedLink } from '../lib/link.js'

const repaired = repairedLink(location.href)
if (repaired) history.replaceState(null, '', repaired)
