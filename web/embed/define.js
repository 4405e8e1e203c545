// @ts-check
// Defines <swarm-share>. Pages load this module from the tracker, as /embed.js or under the address of a version.

import { defineSwarmShare } from './index.js'

defineSwarmShare({ script: import.meta.url })
