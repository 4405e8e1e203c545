// @ts-check
// Selects the counters of limits: they count what the server refused, delayed, dropped or closed because of a limit. It
// uses no DOM.

import { plainDoc } from './numbers.js'

/** @typedef {import('./numbers.js').Series} Series */

const PREFIX = /^(refused|failures|paused|delayed|passed_over|uncounted|forgotten|limited|upgrades_refused)(_|$)/
const PART =
  /_(dropped|surplus|forgotten|copied|displaced|timed_out|dead|stuck|violating|flooding|hostile|shed|full|replaced|short)(_|$)/

/** Includes refusals without a setting, such as bans. @param {Pick<Series, 'name' | 'kind' | 'limits'>} series */
export const isHit = ({ name, kind, limits = [] }) =>
  kind === 'counter' && (limits.length > 0 || PREFIX.test(name) || PART.test(name))

/** Returns the settings that a description names, such as `limits.swarms_max`. @param {string} doc */
export const settingsIn = doc => [
  ...new Set([...doc.matchAll(/`([a-z_]+\.[a-z0-9_]+)`/g)].map(match => String(match[1])))
]

/**
 * Returns the rows of the table.
 * @param {Series[]} offered @param {(name: string) => number | null} now per second @param {(name: string) => number | null} total since the start of the server
 */
export const hitsOf = (offered, now, total) =>
  offered.filter(isHit).map(series => ({
    name: series.name,
    doc: plainDoc(series),
    now: now(series.name),
    total: total(series.name)
  }))
