// @ts-check
// Checks what a program passes to the methods of the element, besides files. It uses no DOM.

import { t } from '../../common/words.js'

/** @typedef {import('./error-codes.js').CodedNotice} Notice */
/**
 * @typedef {object} CallOptions of `share`
 * @property {string} [password] empty: none
 * @property {number | null} [lifetime] milliseconds until the share expires; null: never
 */

/** The longest lifetime, about a hundred years. A date cannot hold much more. */
const LIFETIME_MS_MAX = 3.2e12

/** Returns the options that a program has set. Undefined ones and those that are not documented change nothing. @param {CallOptions | null} options @returns {CallOptions} */
export function givenOptions(options) {
  const { password, lifetime } = options ?? {}
  return { ...(password !== undefined && { password }), ...(lifetime !== undefined && { lifetime }) }
}

/** Returns why the options cannot be used, or null. @param {CallOptions} options @param {boolean} isEncrypting @returns {Notice | null} */
export function optionsNotice({ password = '', lifetime = null }, isEncrypting) {
  if (typeof password !== 'string') return invalid(t('The password must be a text.'))
  const isLifetime = typeof lifetime === 'number' && lifetime >= 1 && lifetime <= LIFETIME_MS_MAX
  if (lifetime !== null && !isLifetime)
    return invalid(t('The lifetime must be a number of milliseconds, at least 1 and at most 100 years.'))
  if (!isEncrypting && (password || lifetime !== null))
    return invalid(t('A password and a lifetime need encryption, which is off here.'))
  return null
}

/** @param {string} text @returns {Notice} */
const invalid = text => ({ tone: 'error', code: 'option-invalid', title: t('An option cannot be used'), text })

/** Refuses a password where none is asked for. @returns {Notice} */
export const notLockedNotice = () => ({
  tone: 'error',
  code: 'not-locked',
  title: t('No password is asked for'),
  text: t('A password can be given while the element has the state “locked”.')
})
