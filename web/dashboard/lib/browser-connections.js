// @ts-check
// The key numbers about connections between browsers in words: STUN requests, relayed bytes, TURN credentials. It uses no
// DOM.

import { formatBytes } from '../../common/format.js'
import { formatCount, formatValue, UNKNOWN } from './numbers.js'

/**
 * @typedef {object} Figures the numbers of the server
 * @property {(name: string) => boolean} has whether the server shows the series
 * @property {(name: string) => number | null} now the value of a gauge, or the rate of a counter
 * @property {(name: string) => ReturnType<typeof import('./day.js').countOfDay>} today the count of the day
 */
/** @typedef {{ label: string, text: string, more: string }} Tile */

/** Why credentials are refused, in words. @type {Record<string, string>} */
const REFUSALS = {
  refused_turn_expired: 'expired',
  refused_turn_credentials: 'wrong or forged',
  refused_turn_user_allocations_max: 'over the quota of a page',
  refused_turn_address_allocations_max: 'over the quota of an address',
  refused_turn_allocations_max: 'because the relay is full',
  refused_turn_connections_max: 'over the limit of connections',
  refused_turn_request: 'for invalid requests',
  refused_address_ice_per_second: 'requested too often'
}

/** The counters whose sum of the day the tiles show. */
export const DAY_COUNTERS = ['stun_bindings', 'bytes_relayed', 'ice_credentials', ...Object.keys(REFUSALS)]

/** Returns the tiles of a server, without those whose numbers it withholds. @param {Figures} figures @returns {Tile[]} */
export const connectionTiles = figures =>
  [stunTile(figures), relayTile(figures), credentialsTile(figures)].filter(tile => tile !== null)

/** @param {Figures} figures @returns {Tile | null} */
function stunTile({ has, now, today }) {
  if (!has('stun_bindings')) return null
  const label = 'STUN requests'
  const works = now('stun_works')
  if (has('stun_works') && works === null) return { label, text: 'off', more: 'The STUN server is off (ice.stun).' }
  if (works === 0) return { label, text: 'none arrive', more: 'The UDP port is not reachable; pages do not get it.' }
  const { count, since } = today('stun_bindings')
  const text = formatValue(now('stun_bindings'), { kind: 'counter', unit: '' })
  return { label, text, more: `${formatCount(count)} answered ${since}` }
}

/** @param {Figures} figures @returns {Tile | null} */
function relayTile({ has, now, today }) {
  if (!has('turn_allocations')) return null
  const label = 'Relayed'
  const allocations = now('turn_allocations')
  if (allocations === null) return { label, text: 'off', more: 'The TURN relay is off (ice.turn).' }
  const { count, since } = today('bytes_relayed')
  return {
    label,
    text: formatValue(now('bytes_relayed'), { kind: 'counter', unit: 'bytes' }),
    more: `${formatCount(allocations)} ${allocations === 1 ? 'allocation' : 'allocations'}, ${count === null ? UNKNOWN : formatBytes(count)} ${since}`
  }
}

/** Also for an external TURN server, for which this one makes the credentials. @param {Figures} figures @returns {Tile | null} */
function credentialsTile({ has, now, today }) {
  if (!has('ice_credentials')) return null
  const { count, since } = today('ice_credentials')
  if (!count && now('turn_allocations') === null) return null
  const refused = Object.entries(REFUSALS).flatMap(([name, reason]) => {
    const refusals = has(name) ? today(name).count : 0
    return refusals ? [`${formatCount(refusals)} ${reason}`] : []
  })
  return {
    label: 'TURN credentials',
    text: formatCount(count),
    more: `given ${since}; ${refused.length ? `refused: ${refused.join(', ')}` : 'none refused'}`
  }
}
