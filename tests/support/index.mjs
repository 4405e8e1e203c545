// Everything a test needs, from one place.

export { seriousFindings } from './axe.mjs'
export { randomId, sha256 } from './bytes.mjs'
export { chromiumPath, dataChannelStats, launchChromium, newUser } from './chromium.mjs'
export { pattern } from './pattern.mjs'
export { binary, root, startServer } from './server.mjs'
export { nodeModules, startStatic, support } from './static.mjs'
export { eventually, nextEvent, within } from './wait.mjs'
