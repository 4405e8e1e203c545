// Defines <swarm-share> in the version of this server. The address of this script names the tracker, and may have a token.
import { defineSwarmShare } from './{{assets}}/embed/index.js'

defineSwarmShare({ script: import.meta.url })
