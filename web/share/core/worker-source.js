// @ts-check
// Where the storage worker comes from. disk-store.js starts it. In the npm package, embed/package/worker-source.js replaces
// this file.

const WORKER = new URL('./opfs-worker.js', import.meta.url)

// Fills the browser's cache, so that a download can start while the server is down.
if (globalThis.Worker) fetch(WORKER).catch(() => {})

/** Its address, if the browser can start it: a worker must be of the page's own origin. @type {string | null} */
export const OWN_WORKER = WORKER.origin === globalThis.location?.origin ? WORKER.href : null

/** A module that pages of other origins start as worker. */
export const WORKER_TEXT = `import ${JSON.stringify(WORKER.href)}`
