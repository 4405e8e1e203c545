// @ts-check
// Replaces share/core/worker-source.js in the npm package. Bundlers do not follow the address of the storage worker, so its
// text is part of the script here. It starts from a blob, which the policy of the page has to allow: docs/embed.md.

/** Its address, if the browser can start it. It has none here. @type {string | null} */
export const OWN_WORKER = null

/** The module of the worker. pack.mjs inserts it. */
export const WORKER_TEXT = ''
