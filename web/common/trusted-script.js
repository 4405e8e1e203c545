// @ts-check
// Trusted Types: on the pages of swarmhub, no text can become script or markup. Workers need a trusted address. This policy
// creates it for scripts of the page's own origin only.
// https://www.w3.org/TR/trusted-types/

/** @param {string} text @returns {string} @throws {TypeError} if it is from another origin */
export function checkedWorkerUrl(text) {
  const url = new URL(text, globalThis.location?.href)
  if (url.origin === 'null' || url.origin !== globalThis.location?.origin)
    throw new TypeError(`a worker script from another origin: ${url.href}`)
  return url.href
}

/** @typedef {{ createScriptURL: (url: string) => string }} Policy */
/** @type {{ createPolicy: (name: string, rules: Policy) => Policy } | undefined} */
const trustedTypes = /** @type {any} */ (globalThis).trustedTypes

/** @returns {Policy} */
function createPolicy() {
  const rules = { createScriptURL: checkedWorkerUrl }
  try {
    return trustedTypes?.createPolicy('swarmhub', rules) ?? rules
  } catch {
    // The content security policy of another site may allow no policy of this name; then it enforces none on workers.
    return rules
  }
}

const policy = createPolicy()

/** Returns the address of a worker script in the form that the browser accepts. @param {string | URL} url */
export const workerUrl = url => policy.createScriptURL(String(url))
