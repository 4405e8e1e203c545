// @ts-check
// Where a link works. A page that was opened as `localhost` makes links that work on that machine only; then the links
// for others are offered, or what is missing for them is said. Knows no DOM.

/**
 * @typedef {object} Reach
 * @property {boolean} isLocal whether the link works on this machine only
 * @property {string[]} others links that work on other machines, the best first
 * @property {string} text what that means @property {string} hint for the QR code
 */

/** @param {string} link @param {string[]} others links of the same share, under addresses that others can open @returns {Reach} */
export function linkReach(link, others) {
  const isLocal = link !== '' && isLoopback(new URL(link).hostname)
  if (!isLocal) return { isLocal, others: [], text: '', hint: '' }
  return others.length
    ? {
        isLocal,
        others,
        text: `“${new URL(link).hostname}” is another machine to everybody else. In the same network this works; if the browser there warns of the certificate, go on: nobody vouches for a home network.`,
        hint: `Scan this with a phone in the same network: it leads to ${new URL(others[0] ?? link).host}.`
      }
    : {
        isLocal,
        others,
        text: `“${new URL(link).hostname}” is another machine to everybody else. For others the server needs an https address: start it with --tls-self-signed or with a certificate, listening on an address that they can reach.`,
        hint: ''
      }
}

/** A page under another address, with the query of this one. @param {string} other @param {string} page */
export function otherPage(other, page) {
  const url = new URL(other)
  url.search = new URL(page).search
  return url.href
}

/** Whether a host is this machine, to every machine. @param {string} hostname as URL gives it */
export const isLoopback = hostname => /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])\.?$/.test(hostname)
