// @ts-check
// Notes the connections that the content security policy of the page blocks. The browser reports them by events only.

/** Returns whether a connection to a host was blocked. @param {AbortSignal} signal ends the listening @returns {(host: string) => boolean} */
export function watchPolicy(signal) {
  /** @type {Set<string>} */
  const hosts = new Set()
  // Unit tests have no document.
  globalThis.document?.addEventListener(
    'securitypolicyviolation',
    ({ disposition, effectiveDirective, blockedURI }) => {
      if (disposition === 'enforce' && effectiveDirective === 'connect-src' && URL.canParse(blockedURI))
        hosts.add(new URL(blockedURI).host)
    },
    { signal }
  )
  return host => hosts.has(host)
}
