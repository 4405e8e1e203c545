// @ts-check
// What is drawn: each chart with its lines, in the names of /api/v1/series. A chart takes what the server offers and
// leaves out what is not there; one without any line is not shown. Knows no DOM.

/** @typedef {import('./numbers.js').Series} Series */
/** @typedef {{ series: string, label: string, rare?: boolean }} Line `rare`: drawn only where there is any of it */
/**
 * @typedef {{ id: string, title: string, doc: string, lines: Line[], prefixes?: string[], whole?: boolean }} Plan
 *   `prefixes`: besides, the busiest of the counters whose names begin so; `whole`: there are no halves of it
 * @typedef {{ id: string, title: string, doc: string, unit: Series['unit'], kind: Series['kind'], lines: Line[], candidates: Line[], whole: boolean }} Chart
 *   `candidates`: those of which the busiest are drawn
 */

/** Lines that can be told apart in one chart. */
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
    doc: 'Messages of peers in a second: announces without answers, and scrapes.',
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
    doc: 'Passed on from browser to browser in a second.',
    lines: [
      { series: 'offers_relayed', label: 'offers' },
      { series: 'answers_relayed', label: 'answers' }
    ]
  },
  {
    id: 'answered',
    title: 'Offers that were answered',
    doc: 'Share of the offers that got their answer, in the last minute.',
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
    id: 'latency',
    title: 'Time in the server',
    doc: 'How long a message takes, and how late the loop of a worker was at worst.',
    lines: [
      { series: 'handle_time_p50', label: 'half within' },
      { series: 'handle_time_p99', label: '99 % within' },
      { series: 'loop_lag', label: 'loop late by' }
    ]
  },
  {
    id: 'traffic',
    title: 'Traffic',
    doc: 'Bytes in a second, as they go over WebSockets.',
    lines: [
      { series: 'bytes_received', label: 'in' },
      { series: 'bytes_sent', label: 'out' }
    ]
  },
  {
    id: 'refusals',
    title: 'Refusals by reason',
    doc: 'Connections and messages that were refused, in a second: the busiest reasons.',
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
    doc: 'Cores that are busy with this process; 1 is one whole core.',
    lines: [{ series: 'cpu_cores', label: 'cores' }]
  }
]

/** A sum, and its parts. */
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

/** Of a sum and its parts one is drawn: the parts, if the history has them as well. @param {Map<string, Series>} known @returns {string[]} */
const doubles = known => (PARTS.some(name => known.has(name) && known.get(name)?.kept !== false) ? [SUM] : PARTS)

/** The words of a series' name. @param {string} name */
export const labelOf = name => name.replace(/^(refused|failures)_/, '').replaceAll('_', ' ')

/** The charts that a server with these series has. @param {Series[]} offered @returns {Chart[]} */
export function chartsOf(offered) {
  const known = new Map(offered.map(series => [series.name, series]))
  const doubled = doubles(known)
  return PLANS.flatMap(({ id, title, doc, lines, prefixes = [], whole = false }) => {
    const there = lines.filter(line => known.has(line.series))
    const candidates = offered
      .filter(
        ({ name, kind }) =>
          kind === 'counter' && !doubled.includes(name) && prefixes.some(prefix => name.startsWith(prefix))
      )
      .map(({ name }) => ({ series: name, label: labelOf(name) }))
    const first = known.get((there[0] ?? candidates[0])?.series ?? '')
    return first ? [{ id, title, doc, unit: first.unit, kind: first.kind, lines: there, candidates, whole }] : []
  })
}

/** Those of these names that the history has; asking it for others is an error. @param {string[]} names @param {Series[]} offered */
export function namesInHistory(names, offered) {
  const kept = new Set(offered.filter(({ kept }) => kept !== false).map(({ name }) => name))
  return names.filter(name => kept.has(name))
}

/** All series that these charts may draw. @param {Chart[]} charts */
export const namesOf = charts => [
  ...new Set(charts.flatMap(({ lines, candidates }) => [...lines, ...candidates]).map(line => line.series))
]

/**
 * The lines that are drawn: the plan's own, but rare ones only if they did anything, then the busiest of its candidates that did anything at all.
 * @param {Pick<Chart, 'lines' | 'candidates'>} chart @param {(series: string) => ArrayLike<number | null>} values
 */
export function linesOf({ lines, candidates }, values) {
  const sumOf = (/** @type {Line} */ line) =>
    Array.from(values(line.series)).reduce((/** @type {number} */ sum, value) => sum + (value ?? 0), 0)
  const own = lines.filter(line => !line.rare || sumOf(line) > 0)
  const busy = candidates
    .map(line => ({ line, sum: sumOf(line) }))
    .filter(({ sum }) => sum > 0)
    .sort((a, b) => b.sum - a.sum)
    .slice(0, LINES_MAX - own.length)
    .map(({ line }) => line)
  return [...own, ...busy]
}
