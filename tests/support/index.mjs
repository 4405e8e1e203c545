// Re-exports everything that tests use.

export { allFindings, seriousFindings } from './axe.mjs'
export { randomId, sha256 } from './bytes.mjs'
export { chromiumPath, dataChannelStats, launchChromium, newUser, newUserOnDisk, shellPath } from './chromium.mjs'
export { firefoxPath, hasOwnAddress, launchFirefox, launchFirefoxIn, newFirefoxUser, newFirefoxUserOnDisk } from './firefox.mjs'
export { TASK_CATEGORIES, longestTask } from './longest-task.mjs'
export { pattern } from './pattern.mjs'
export { replaceOnce } from './replace.mjs'
export { binary, root, startServer } from './server.mjs'
export { nodeModules, startStatic, support } from './static.mjs'
export { playFromMiddle } from './video.mjs'
export { eventually, nextEvent, within } from './wait.mjs'
export { launchWebkit, webkitMissing } from './webkit.mjs'
