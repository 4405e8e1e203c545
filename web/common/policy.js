// @ts-check
// Notes the connections that the content security policy of the page blocks. The browser reports them by events only.

/**
 * Returns whether a connection to the scheme and host of an address was blocked.
 * @param {AbortSignal} signal ends the listening @returns {(address: string) => boolean}
 */
export function watchPolicy(signal) {
  /** @type {Set<string>} */
  const origins = new Set()
  // Unit tests have no document.
  globalThis.document?.addEventListener(
    'securitypolicyviolation',
    ({ disposition, effectiveDirective, blockedURI }) => {
      if (disposition === 'enforce' && effectiveDirective === 'connect-src' && URL.canParse(blockedURI))
        origins.add(new URL(blockedURI).origin)
    },
    { signal }
  )
  return address => origins.has(new URL(address).origin)
}
