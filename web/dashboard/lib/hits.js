// @ts-check
// Which counters tell that a limit was met: something was refused, delayed, dropped, closed or forgotten for it.
// Knows no DOM.

import { labelOf } from './charts.js'
import { plainDoc } from './numbers.js'

/** @typedef {import('./numbers.js').Series} Series */

const BEGINS = /^(refused|failures|paused|delayed|passed_over|uncounted|forgotten|limited|upgrades_refused)(_|$)/
const HOLDS =
  /_(dropped|surplus|forgotten|copied|displaced|timed_out|dead|stuck|violating|flooding|hostile|shed|full|replaced|short)(_|$)/

/** Some refuse for other reasons than a setting, such as a ban. @param {Pick<Series, 'name' | 'kind' | 'limits'>} series */
export const isHit = ({ name, kind, limits = [] }) =>
  kind === 'counter' && (limits.length > 0 || BEGINS.test(name) || HOLDS.test(name))

/** The settings that the sentence about a counter names: `limits.swarms_max`. @param {string} doc */
export const settingsIn = doc => [
  ...new Set([...doc.matchAll(/`([a-z_]+\.[a-z0-9_]+)`/g)].map(match => String(match[1])))
]

/**
 * The rows of the table.
 * @param {Series[]} offered @param {(name: string) => number | null} now in a second @param {(name: string) => number | null} total since the start
 */
export const hitsOf = (offered, now, total) =>
  offered.filter(isHit).map(series => ({
    name: series.name,
    words: labelOf(series.name),
    doc: plainDoc(series),
    setting: settingsIn(series.doc).join(', '),
    now: now(series.name),
    total: total(series.name)
  }))
