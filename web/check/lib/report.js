// @ts-check
// Writes the result of the check as a text to pass on. It has no IP address but that of the tracker, and no token. It uses
// no DOM.

import { STATE_TEXTS } from './outcomes.js'

/** @typedef {import('./outcomes.js').Step} Step */
/**
 * @typedef {object} Result
 * @property {boolean} ok whether no step failed
 * @property {Step[]} steps in their order
 * @property {string} tracker address of the tracker, without its token
 * @property {string} time as ISO 8601
 * @property {string} userAgent
 */

/** @param {Result} result */
export const reportText = ({ steps, tracker, time, userAgent }) =>
  [
    'Connection check of swarmhub',
    `Time: ${time}`,
    `Tracker: ${tracker || 'not known'}`,
    `Browser: ${userAgent}`,
    ...steps.map(({ title, state, ms, text, details, remedy }, at) =>
      `${at + 1}. ${title}: ${stateText(state, ms)}. ${[text, details.join('; '), remedy].filter(Boolean).join(' ')}`.trim()
    )
  ].join('\n')

/** @param {Step['state']} state @param {number | null} ms */
export const stateText = (state, ms) => (ms === null ? STATE_TEXTS[state] : `${STATE_TEXTS[state]}, ${ms} ms`)

/** Removes a token from the address of a tracker; it can be in the query or the path. @param {string} tracker */
export function withoutToken(tracker) {
  if (!tracker) return ''
  const { protocol, host, pathname, search } = new URL(tracker)
  const path = /^\/(announce)?$/.test(pathname) ? pathname : '/…'
  return `${protocol}//${host}${path}${search ? '?…' : ''}`
}
