// Defines <swarm-check> in the version of this server. The address of this script names the tracker, and may have a token.
import { defineSwarmCheck } from './{{assets}}/check/index.js'

defineSwarmCheck({ script: import.meta.url })
