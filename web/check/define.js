// @ts-check
// Defines <swarm-check>. Pages load this module under the address of a version.

import { defineSwarmCheck } from './index.js'

defineSwarmCheck({ script: import.meta.url })
