// @ts-check
// The steps of the check, and what can come of each. It uses no DOM.

/** @typedef {'browser' | 'tracker' | 'candidates' | 'servers' | 'meeting' | 'device'} StepId */
/** @typedef {'running' | 'good' | 'warning' | 'failed' | 'not-tested'} StepState */
/**
 * @typedef {object} Outcome
 * @property {StepState} state
 * @property {number | null} ms the measured time
 * @property {string} text what was found
 * @property {string} remedy what helps; empty if nothing is wrong
 * @property {string[]} details one line for each part of the step
 */
/** @typedef {Outcome & { id: StepId, title: string }} Step */

/** The titles of the steps, in their order. @type {Record<StepId, string>} */
export const TITLES = {
  browser: 'This browser',
  tracker: 'The tracker',
  candidates: 'Addresses for connections',
  servers: 'STUN and TURN servers',
  meeting: 'Two connections of this page',
  device: 'A second device'
}

export const STEP_IDS = /** @type {StepId[]} */ (Object.keys(TITLES))

/** @type {Record<StepState, string>} */
export const STATE_TEXTS = {
  running: 'running',
  good: 'good',
  warning: 'warning',
  failed: 'failed',
  'not-tested': 'not tested'
}

/** @param {string} text @param {number | null} [ms] @param {string[]} [details] @returns {Outcome} */
export const good = (text, ms = null, details = []) => ({ state: 'good', ms, text, remedy: '', details })

/** @param {string} text @param {string} remedy @param {number | null} [ms] @param {string[]} [details] @returns {Outcome} */
export const warning = (text, remedy, ms = null, details = []) => ({ state: 'warning', ms, text, remedy, details })

/** @param {string} text @param {string} remedy @param {number | null} [ms] @param {string[]} [details] @returns {Outcome} */
export const failed = (text, remedy, ms = null, details = []) => ({ state: 'failed', ms, text, remedy, details })

/** @param {string} text @returns {Outcome} */
export const notTested = text => ({ state: 'not-tested', ms: null, text, remedy: '', details: [] })

/** @param {string} text @returns {Outcome} */
export const running = text => ({ state: 'running', ms: null, text, remedy: '', details: [] })

/** The browser does not accept what `/ice` gave. */
export const listRefused = () =>
  failed(
    'The browser does not accept the list of STUN and TURN servers.',
    'For the operator of the tracker: correct ice_server.'
  )

/** Returns the milliseconds since a time of `performance.now()`. @param {number} start */
export const since = start => Math.max(1, Math.round(performance.now() - start))
