// @ts-check
// Texts about the state of the feed, about errors of the API, and about sign-in. It uses no DOM.

import { formatAge } from './numbers.js'

/** @typedef {import('../../common/notice.js').Notice} Notice */
/** @typedef {import('../core/feed.js').FeedState} FeedState */
/** @typedef {import('../core/api.js').ApiError} ApiError */

const SIGN_IN = { id: 'sign-in', label: 'Sign in' }

/** The age of the numbers, for the header of the page. @param {FeedState} state @param {number | null} age seconds */
export function feedText({ mode }, age) {
  const updated = age === null ? 'no numbers yet' : `updated ${formatAge(age)}`
  if (mode === 'connecting') return 'connecting …'
  if (mode === 'closed') return 'not public'
  if (mode === 'down') return `no connection, ${updated}`
  if (mode === 'polling') return `every few seconds, ${updated}`
  return age !== null && age < 3 ? 'live' : `live, ${updated}`
}

/** @param {FeedState} state @param {number | null} age seconds @param {boolean} signedIn @returns {Notice | null} */
export function feedNotice({ mode, reason }, age, signedIn) {
  const old = age === null ? 'There are no numbers yet.' : `The numbers below are from ${formatAge(age)}.`
  if (mode === 'closed') {
    return {
      tone: 'info',
      title: 'The statistics of this tracker are not public',
      text: 'The operator has set public_stats = false. The admin token gives access.',
      ...(signedIn ? {} : { action: SIGN_IN })
    }
  }
  if (mode === 'down') {
    return {
      tone: 'error',
      title: 'The tracker does not answer',
      text: `${reason ? `${reason} ` : ''}${old} The page tries again every few seconds.`,
      action: { id: 'feed-now', label: 'Try now' }
    }
  }
  if (mode === 'polling') {
    return {
      tone: 'warning',
      title: 'The live feed is not available',
      text: `${reason ? `${reason} ` : ''}The page requests the numbers every two seconds instead.`
    }
  }
  if (mode === 'live' && age !== null && age > 5) {
    return {
      tone: 'warning',
      title: 'No new numbers',
      text: `The connection is open, but the tracker sends no new numbers. ${old}`
    }
  }
  return null
}

/** The text in place of data that the feed has not delivered. @param {FeedState} state */
export function absenceText({ mode }) {
  if (mode === 'closed') return 'Not public.'
  return mode === 'down' ? 'Not known: the tracker does not answer.' : 'Loading …'
}

/** @param {string | undefined} phase @returns {Notice | null} */
export function phaseNotice(phase) {
  if (!phase || phase === 'serving') return null
  return {
    tone: 'warning',
    title: 'This server is draining',
    text: 'It accepts no new connections, closes the existing ones one by one, and exits.'
  }
}

/** Why the sign-in failed. @param {ApiError} error @returns {string} */
export function signInErrorText(error) {
  if (error.status === 404)
    return 'The admin API is off. To turn it on, set admin_token (at least 16 characters) in the configuration file and reload (SIGHUP), or start the server with SWARMHUB_ADMIN_TOKEN or --admin-token-file.'
  if (error.status === 401 || error.status === 403) return 'This is not the admin token. Check it and try again.'
  if (error.status === 429)
    return `Too many attempts. Try again ${error.retryAfter ? `in ${error.retryAfter} s` : 'later'}.`
  return errorText(error)
}

/** Why there are no charts of the history. @param {unknown} error */
export function historyErrorText(error) {
  const { status } = /** @type {Partial<ApiError>} */ (error ?? {})
  if (status === 404)
    return 'No history is kept here, because the setting history is off. Only live charts are available.'
  return `No history: ${errorText(error)}`
}

/** Why a request failed. @param {unknown} error @returns {string} */
export function errorText(error) {
  const { status = 0, message = String(error), retryAfter = null } = /** @type {Partial<ApiError>} */ (error ?? {})
  if (status === 0) return 'The tracker does not answer.'
  if (status === 401) return 'You are no longer signed in: the admin token has changed. Sign in again.'
  if (status === 429) return `Too many requests. Try again ${retryAfter ? `in ${retryAfter} s` : 'later'}.`
  return sentence(message.replaceAll('`', ''))
}

/** Adds a capital letter and a full stop. @param {string} text */
export const sentence = text =>
  text ? text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? '' : '.') : ''
