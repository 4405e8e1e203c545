// @ts-check
// Introductions in words: the key numbers, and what became of one introduction. It uses no DOM.

import { formatCount, formatRatio, formatSeconds } from './numbers.js'

/** @typedef {import('../../types/api-client').Schemas['IntroductionReport']} Introduction */
/** @typedef {import('../elements/tile-list.js').Tile} Tile */

/** A series that is unknown with `tracker.matchmaking = "random"` only. */
export const MATCHMAKING_SERIES = 'members_alone'

/** @type {Array<{ series: string, label: string, format: (value: number | null | undefined) => string, more: string }>} */
const TILES = [
  {
    series: 'joins_answered_fast',
    label: 'First answer within 3 s',
    format: formatRatio,
    more: 'of the members that got their first'
  },
  {
    series: 'useful_offers_answered',
    label: 'Useful offers answered',
    format: formatRatio,
    more: 'of those to members not yet met'
  },
  {
    series: 'offers_per_introduction',
    label: 'Offers per introduction',
    format: formatCount,
    more: 'that was answered'
  },
  {
    series: 'introductions_failed',
    label: 'Failed to connect',
    format: formatRatio,
    more: 'estimated: two members that met again'
  },
  {
    series: MATCHMAKING_SERIES,
    label: 'Members alone',
    format: formatCount,
    more: 'no answered introduction yet'
  }
]

/**
 * Returns the tiles of a server, without those whose numbers it withholds; none if it introduces at random.
 * @param {Record<string, number | null>} series the current numbers @returns {Tile[]}
 */
export function introductionTiles(series) {
  if (series[MATCHMAKING_SERIES] === null) return []
  return TILES.filter(tile => tile.series in series).map(({ series: name, label, format, more }) => ({
    label,
    text: format(series[name]),
    more
  }))
}

/** Says what became of an introduction. @param {Introduction} introduction */
export function resultText({ at, answered, progress, crossed, repeated }) {
  const result = answered === null ? UNANSWERED[progress] : `answered after ${answerTime(answered - at)}`
  const facts = [
    ...(crossed ? ['both peers offered at once'] : []),
    ...(repeated ? ['an earlier answer did not connect them'] : [])
  ]
  return [result ?? progress, ...facts].join('; ')
}

/** @type {Record<string, string>} */
const UNANSWERED = { waiting: 'not answered yet', unanswered: 'never answered' }

/** @param {number} seconds */
const answerTime = seconds => (seconds === 0 ? 'less than 1 ms' : formatSeconds(seconds))
