// @ts-check
// The charts with their lines, by the names of /api/v1/series. A chart leaves out series that the server lacks. A chart
// without lines is not shown. It uses no DOM.

import { MATCHMAKING_SERIES } from './introductions.js'

/** @typedef {import('./numbers.js').Series} Series */
/** @typedef {{ series: string, label: string, rare?: boolean }} Line `rare`: drawn only if it has values above zero */
/**
 * @typedef {{ id: string, title: string, doc: string, lines: Line[], prefixes?: string[], whole?: boolean, needs?: string }} Plan
 *   `prefixes`: also draws the highest counters whose names have such a prefix; `whole`: the values have no fractions;
 *   `needs`: the chart is hidden while this series is unknown
 * @typedef {{ id: string, title: string, doc: string, unit: Series['unit'], kind: Series['kind'], lines: Line[], candidates: Line[], whole: boolean, needs: string }} Chart
 *   `candidates`: the chart draws the highest of them
 */

/** More lines could not be distinguished. */
export const LINES_MAX = 6

/** @type {Plan[]} */
export const PLANS = [
  {
    id: 'connections',
    title: 'Connections',
    doc: 'Open WebSocket connections.',
    lines: [
      { series: 'connections', label: 'all' },
      { series: 'connections_ipv4', label: 'IPv4' },
      { series: 'connections_ipv6', label: 'IPv6' },
      { series: 'connections_unix', label: 'socket file', rare: true }
    ],
    whole: true
  },
  {
    id: 'swarms',
    title: 'Swarms',
    doc: 'Swarms with at least one member.',
    lines: [{ series: 'swarms', label: 'swarms' }],
    whole: true
  },
  {
    id: 'members',
    title: 'Seeders and leechers',
    doc: 'Seeders have everything, leechers do not.',
    lines: [
      { series: 'seeders', label: 'seeders' },
      { series: 'leechers', label: 'leechers' },
      { series: 'http_peers', label: 'over HTTP, of both', rare: true }
    ],
    whole: true
  },
  {
    id: 'announces',
    title: 'Announces',
    doc: 'Announces (without answers) and scrapes per second.',
    lines: [
      { series: 'announces', label: 'announces' },
      { series: 'scrapes', label: 'scrapes' },
      { series: 'http_announces', label: 'announces over HTTP', rare: true },
      { series: 'http_scrapes', label: 'scrapes over HTTP', rare: true }
    ]
  },
  {
    id: 'offers',
    title: 'Offers and answers',
    doc: 'Offers and answers relayed between browsers per second.',
    lines: [
      { series: 'offers_relayed', label: 'offers' },
      { series: 'answers_relayed', label: 'answers' }
    ]
  },
  {
    id: 'answered',
    title: 'Offers that were answered',
    doc: 'Share of the offers of the last minute that were answered.',
    lines: [{ series: 'offers_answered', label: 'answered' }]
  },
  {
    id: 'answer-time',
    title: 'From offer to answer',
    doc: 'How long browsers take to answer, to the millisecond.',
    lines: [
      { series: 'answer_time_p50', label: 'half within' },
      { series: 'answer_time_p99', label: '99 % within' }
    ]
  },
  {
    id: 'introductions',
    title: 'Introductions',
    doc: 'Shares of the last minute. Failed: an estimate, by answered introductions of two peers that met before.',
    lines: [
      { series: 'joins_answered_fast', label: 'first answer within 3 s' },
      { series: 'useful_offers_answered', label: 'useful offers answered' },
      { series: 'introductions_failed', label: 'failed to connect' }
    ],
    needs: MATCHMAKING_SERIES
  },
  {
    id: 'offers-per-introduction',
    title: 'Offers per introduction',
    doc: 'Offers relayed for each answered introduction, in the last minute.',
    lines: [{ series: 'offers_per_introduction', label: 'offers' }],
    needs: MATCHMAKING_SERIES
  },
  {
    id: 'alone',
    title: 'Members alone',
    doc: 'Members that never had an answered introduction, in swarms of at least two.',
    lines: [{ series: 'members_alone', label: 'alone' }],
    whole: true,
    needs: MATCHMAKING_SERIES
  },
  {
    id: 'receivers',
    title: 'Choice of receivers',
    doc: 'Per second: offers to peers that met before, offers to peers that do not answer, and peers passed over because their own offer was under way.',
    lines: [
      { series: 'offers_to_acquainted', label: 'met before' },
      { series: 'offers_to_silent', label: 'do not answer' },
      { series: 'passed_over_crossing', label: 'passed over' }
    ],
    needs: MATCHMAKING_SERIES
  },
  {
    id: 'stun',
    title: 'STUN requests',
    doc: 'Requests per second of browsers for their own public address.',
    lines: [
      { series: 'stun_bindings', label: 'answered' },
      { series: 'stun_refused_address', label: 'dropped, of one address', rare: true },
      { series: 'stun_refused_total', label: 'dropped, in all', rare: true }
    ]
  },
  {
    id: 'relayed',
    title: 'Relayed',
    doc: 'Bytes per second of browsers that cannot connect directly.',
    lines: [{ series: 'bytes_relayed', label: 'relayed' }]
  },
  {
    id: 'latency',
    title: 'Time in the server',
    doc: 'Handling time of a message, and the longest delay of the event loop of a worker.',
    lines: [
      { series: 'handle_time_p50', label: 'half within' },
      { series: 'handle_time_p99', label: '99 % within' },
      { series: 'loop_lag', label: 'loop delay' }
    ]
  },
  {
    id: 'traffic',
    title: 'Traffic',
    doc: 'WebSocket bytes per second.',
    lines: [
      { series: 'bytes_received', label: 'in' },
      { series: 'bytes_sent', label: 'out' }
    ]
  },
  {
    id: 'refusals',
    title: 'Refusals by reason',
    doc: 'Refused connections and messages per second, by the most frequent reasons.',
    lines: [],
    prefixes: ['refused_', 'failures_']
  },
  {
    id: 'memory',
    title: 'Memory',
    doc: 'Memory of the process.',
    lines: [{ series: 'memory_resident', label: 'used' }]
  },
  {
    id: 'cpu',
    title: 'Processor',
    doc: 'CPU cores that this process uses; 1 is one full core.',
    lines: [{ series: 'cpu_cores', label: 'cores' }]
  }
]

/** A counter that is the sum of others. */
const SUM = 'failures_malformed'
const PARTS = [
  'failures_not_json',
  'failures_not_an_object',
  'failures_nested_too_deeply',
  'failures_unknown_action',
  'failures_info_hash',
  'failures_peer_id',
  'failures_scrape_hashes'
]

/** Returns what not to draw: the sum if the history has its parts, else the parts. @param {Map<string, Series>} known @returns {string[]} */
const duplicates = known => (PARTS.some(name => known.has(name) && known.get(name)?.kept !== false) ? [SUM] : PARTS)

/** The label of a refusal counter. @param {string} name */
export const labelOf = name => name.replace(/^(refused|failures)_/, '').replaceAll('_', ' ')

/** Returns the charts of a server with these series. @param {Series[]} offered @returns {Chart[]} */
export function chartsOf(offered) {
  const known = new Map(offered.map(series => [series.name, series]))
  const hidden = duplicates(known)
  return PLANS.flatMap(({ id, title, doc, lines, prefixes = [], whole = false, needs = '' }) => {
    const available = lines.filter(line => known.has(line.series))
    const candidates = offered
      .filter(
        ({ name, kind }) =>
          kind === 'counter' && !hidden.includes(name) && prefixes.some(prefix => name.startsWith(prefix))
      )
      .map(({ name }) => ({ series: name, label: labelOf(name) }))
    const first = known.get((available[0] ?? candidates[0])?.series ?? '')
    return first
      ? [{ id, title, doc, unit: first.unit, kind: first.kind, lines: available, candidates, whole, needs }]
      : []
  })
}

/** Returns the names that the history has. Requesting others is an error. @param {string[]} names @param {Series[]} offered */
export function namesInHistory(names, offered) {
  const stored = new Set(offered.filter(({ kept }) => kept !== false).map(({ name }) => name))
  return names.filter(name => stored.has(name))
}

/** Returns all series that these charts may draw. @param {Chart[]} charts */
export const namesOf = charts => [
  ...new Set(charts.flatMap(({ lines, candidates }) => [...lines, ...candidates]).map(line => line.series))
]

/**
 * Returns the lines to draw: those of the plan, without rare ones that are zero, then the highest candidates above zero.
 * @param {Pick<Chart, 'lines' | 'candidates'>} chart @param {(series: string) => ArrayLike<number | null>} values
 */
export function linesOf({ lines, candidates }, values) {
  const sumOf = (/** @type {Line} */ line) =>
    Array.from(values(line.series)).reduce((/** @type {number} */ sum, value) => sum + (value ?? 0), 0)
  const own = lines.filter(line => !line.rare || sumOf(line) > 0)
  const highest = candidates
    .map(line => ({ line, sum: sumOf(line) }))
    .filter(({ sum }) => sum > 0)
    .sort((a, b) => b.sum - a.sum)
    .slice(0, LINES_MAX - own.length)
    .map(({ line }) => line)
  return [...own, ...highest]
}
