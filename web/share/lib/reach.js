// @ts-check
// Determines where a link works. The links of a page on `localhost` work on that machine only. Then the page shows links
// for other machines, or how to get them. It uses no DOM.

import { t } from '../../common/words.js'

/**
 * @typedef {object} Reach
 * @property {boolean} isLocal whether the link works on this machine only
 * @property {string[]} others links for other machines, the best first
 * @property {string} text an explanation @property {string} hint for the QR code
 */

/**
 * @param {string} link @param {string[]} others links of the same share for other machines
 * @param {boolean} [isServerPage] whether the link opens the page of the tracker
 * @returns {Reach}
 */
export function linkReach(link, others, isServerPage = true) {
  const isLocal = link !== '' && isLoopback(new URL(link).hostname)
  if (!isLocal) return { isLocal, others: [], text: '', hint: '' }
  const meaning = t('“{host}” means a different machine for everyone else.', { host: new URL(link).hostname })
  const [best] = others
  if (best) {
    const remedy = t(
      'In the same network, use the link below. If the browser there warns about the certificate, continue: in a home network the certificate is self-signed.'
    )
    const hint = t('Scan this with a phone in the same network. It opens {host}.', { host: new URL(best).host })
    return { isLocal, others, text: `${meaning} ${remedy}`, hint }
  }
  const remedy = isServerPage
    ? t(
        'Other machines need an https address: start the server with --tls-self-signed or with a certificate, and let it listen on an address that they can reach.'
      )
    : t('Other machines need an https address of this page that they can reach.')
  return { isLocal, others, text: `${meaning} ${remedy}`, hint: '' }
}

/** Returns another address of the page, with the query of this one. @param {string} other @param {string} page */
export function otherPage(other, page) {
  const url = new URL(other)
  url.search = new URL(page).search
  return url.href
}

/** Whether a host name means the local machine. @param {string} hostname as URL gives it */
export const isLoopback = hostname => /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])\.?$/.test(hostname)
