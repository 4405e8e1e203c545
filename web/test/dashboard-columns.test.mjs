import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chartsOf, LINES_MAX, linesOf, namesInHistory, namesOf, PLANS } from '../dashboard/lib/charts.js'
import { joined, Recent, summary, thinned } from '../dashboard/lib/columns.js'
import { csvOf, csvOfColumns } from '../dashboard/lib/csv.js'
import { hitsOf, isHit } from '../dashboard/lib/hits.js'

const series = [
  { name: 'connections', kind: 'gauge', unit: '', doc: 'Open.' },
  { name: 'announces', kind: 'counter', unit: '', doc: 'Served.' },
  { name: 'refused_bans', kind: 'counter', unit: '', doc: 'Refused (`limits.addresses_max`).' },
  { name: 'failures_not_json', kind: 'counter', unit: '', doc: 'Bad.' },
  { name: 'failures_malformed', kind: 'counter', unit: '', doc: 'Bad in all.' }
]

function recent(...samples) {
  const one = new Recent(300)
  one.setSeries(series)
  for (const [at, connections, announces] of samples) one.push({ at, series: { connections, announces } })
  return one
}

test('counters become rates, gauges stay', () => {
  const one = recent([10, 5, 100], [11, 6, 110], [13, 7, 130])
  const { at, series } = one.columns(['connections', 'announces', 'nothing'])
  assert.deepEqual(at, [10, 11, 13])
  assert.deepEqual(series.connections.mean, [5, 6, 7])
  assert.deepEqual(series.announces.mean, [10, 10, 10])
  assert.deepEqual(series.nothing.mean, [null, null, null])
  assert.equal(one.now('connections'), 7)
  assert.equal(one.now('announces'), 10)
})

test('a restart of the server is a gap, not a negative rate', () => {
  assert.deepEqual(recent([10, 5, 100], [11, 5, 2], [12, 5, 4]).columns(['announces']).series.announces.mean, [
    null,
    null,
    2
  ])
})

test('a long gap interrupts a line', () => {
  assert.deepEqual(
    recent([10, 5, 100], [100, 6, 200], [101, 7, 201]).columns(['connections']).series.connections.mean,
    [5, null, 7]
  )
})

test('repeated, old and backdated samples are handled', () => {
  const one = recent([10, 5, 100])
  assert.equal(one.push({ at: 10, series: {} }), false)
  assert.equal(one.push({ at: 400, series: { connections: 9, announces: 200 } }), true)
  assert.deepEqual(one.columns(['connections']).at, [400])
  assert.equal(one.push({ at: 100, series: { connections: 9, announces: 200 } }), true)
  assert.deepEqual(one.columns(['connections']).at, [100])
})

test('the live chart continues the history', () => {
  const before = { step: 10, at: [-400, 0, 10, 20], series: { connections: { mean: [1, 2, 3, 4], min: [], max: [] } } }
  const both = joined(before, recent([20, 5, 0], [21, 6, 0]).columns(['connections', 'announces']))
  assert.deepEqual(both.at, [0, 10, 20, 21])
  assert.deepEqual(both.series.connections.mean, [2, 3, 5, 6])
  assert.deepEqual(both.series.announces.mean, [null, null, 0, 0])
  assert.deepEqual(joined(before, recent().columns(['connections'])).at, before.at)
})

test('the summary of a line ignores gaps', () => {
  assert.deepEqual(summary({ mean: [1, null, 3], min: [0, null, 2], max: [2, null, 9] }), {
    latest: 3,
    mean: 2,
    min: 0,
    max: 9
  })
  assert.equal(summary({ mean: [null], min: [null], max: [null] }), null)
  assert.equal(summary(undefined), null)
})

test('a long table is thinned and keeps the latest row', () => {
  assert.deepEqual(thinned(5, 60), [0, 1, 2, 3, 4])
  const rows = thinned(1000, 60)
  assert.ok(rows.length <= 60 && rows.at(-1) === 999)
})

test('charts show only series that the server has', () => {
  const charts = chartsOf(series)
  assert.deepEqual(
    charts.map(({ id }) => id),
    ['connections', 'announces', 'refusals']
  )
  assert.deepEqual(
    charts[0].lines.map(line => line.series),
    ['connections']
  )
  // A sum of others that are there as well.
  assert.deepEqual(namesOf(charts), ['connections', 'announces', 'refused_bans', 'failures_not_json'])
  assert.equal(new Set(PLANS.map(({ id }) => id)).size, PLANS.length)
})

test('a chart draws the most frequent reasons, and no zeros', () => {
  const candidates = Array.from({ length: 20 }, (_, i) => ({ series: `refused_${i}`, label: String(i) }))
  const lines = linesOf({ lines: [], candidates }, name => [null, Number(name.slice(8))])
  assert.deepEqual(
    lines.map(line => line.label),
    ['19', '18', '17', '16', '15', '14']
  )
  assert.equal(lines.length, LINES_MAX)
  assert.deepEqual(
    linesOf({ lines: [], candidates }, () => [0, null]),
    []
  )
  const own = [
    { series: 'a', label: 'a' },
    { series: 'b', label: 'b', rare: true }
  ]
  assert.deepEqual(
    linesOf({ lines: own, candidates: [] }, () => [0, null]).map(({ series }) => series),
    ['a']
  )
  assert.deepEqual(
    linesOf({ lines: own, candidates: [] }, () => [0, 1]).map(({ series }) => series),
    ['a', 'b']
  )
})

test('HTTP series are drawn only if they have values', () => {
  const { lines = [] } = PLANS.find(({ id }) => id === 'announces') ?? {}
  const drawn = (/** @type {string} */ busy) =>
    linesOf({ lines, candidates: [] }, name => [0, name === busy ? 1 : 0]).map(({ series }) => series)
  assert.deepEqual(drawn('announces'), ['announces', 'scrapes'])
  assert.deepEqual(drawn('http_scrapes'), ['announces', 'scrapes', 'http_scrapes'])
})

test('CSV quotes special characters and disarms formulas', () => {
  assert.equal(
    csvOf(
      ['a', 'b'],
      [
        ['x,"y"', null],
        [1.5, '=1+1'],
        [NaN, '-2']
      ]
    ),
    'a,b\r\n"x,""y""",\r\n1.5,\'=1+1\r\n,\'-2\r\n'
  )
  const columns = { step: 10, at: [0], series: { announces: { mean: [1], min: [0], max: [null] } } }
  assert.equal(
    csvOfColumns(columns, ['announces', 'nothing']),
    'time,unix_seconds,announces_mean,announces_min,announces_max\r\n1970-01-01T00:00:00.000Z,0,1,0,\r\n'
  )
})

test('counters of limits differ from other counters', () => {
  const names = [
    'refused_bans',
    'failures_swarms_max',
    'paused_bytes_per_second',
    'delayed_address_connections_per_second',
    'offers_surplus',
    'messages_dropped_output_full',
    'connections_flooding',
    'handshakes_displaced',
    'passed_over_offers_received_per_second',
    'http_timed_out'
  ]
  assert.deepEqual(
    names.filter(name => !isHit({ name, kind: 'counter' })),
    []
  )
  for (const name of [
    'announces',
    'offers_relayed',
    'connections_opened',
    'bytes_received',
    'scrapes',
    'bans',
    'tls_handshakes'
  ])
    assert.equal(isHit({ name, kind: 'counter' }), false, name)
  assert.equal(isHit({ name: 'refused_bans', kind: 'gauge' }), false)
  assert.equal(isHit({ name: 'bans', kind: 'counter', limits: ['bans.strikes_max'] }), true)
  const [hit] = hitsOf(
    series,
    () => 2,
    () => 9
  )
  assert.deepEqual(hit, {
    name: 'refused_bans',
    doc: 'Refused (limits.addresses_max).',
    now: 2,
    total: 9
  })
})

test('only stored series are requested from the history', () => {
  const offered = [{ ...series[0], kept: true }, { ...series[1], kept: false }, series[2]]
  assert.deepEqual(namesInHistory(['connections', 'announces', 'refused_bans'], offered), [
    'connections',
    'refused_bans'
  ])
})

test('a chart draws a sum or its parts, not both', () => {
  const notKept = series.map(one => (one.name === 'failures_not_json' ? { ...one, kept: false } : one))
  assert.deepEqual(namesOf(chartsOf(notKept)), ['connections', 'announces', 'refused_bans', 'failures_malformed'])
})
