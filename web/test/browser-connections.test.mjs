import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectionTiles } from '../dashboard/lib/browser-connections.js'
import { countOfDay, growth, midnightOf, storedUntil } from '../dashboard/lib/day.js'

const ALL = { stun_works: 1, stun_bindings: 12, turn_allocations: 8, bytes_relayed: 1.2e6, ice_credentials: 0 }
/** The tiles of a server with these gauges and rates, and these counts of the day. */
const tiles = (now, today = {}, since = 'today') =>
  connectionTiles({
    has: name => name in now || name in today,
    now: name => now[name] ?? null,
    today: name => ({ count: today[name] ?? 0, since })
  }).map(({ label, text, more }) => [label, text, more])

test('STUN requests, relayed bytes and credentials have their rate and their sum of the day', () => {
  assert.deepEqual(tiles(ALL, { stun_bindings: 45_678, bytes_relayed: 3.4e9, ice_credentials: 120 }), [
    ['STUN requests', '12/s', '45,678 answered today'],
    ['Relayed', '1.20 MB/s', '8 allocations, 3.40 GB today'],
    ['TURN credentials', '120', 'given today; none refused']
  ])
  assert.equal(tiles({ ...ALL, turn_allocations: 1 }, {}, 'since the start')[1][2], '1 allocation, 0 B since the start')
})

test('refused credentials have their reasons in words', () => {
  const refused = {
    refused_turn_expired: 3,
    refused_turn_credentials: 2,
    refused_turn_user_allocations_max: 1,
    refused_turn_address_allocations_max: 4,
    refused_turn_allocations_max: 5,
    refused_turn_connections_max: 6,
    refused_turn_request: 7,
    refused_address_ice_per_second: 8
  }
  assert.equal(
    tiles(ALL, { ...refused, ice_credentials: 9 })[2][2],
    'given today; refused: 3 expired, 2 wrong or forged, 1 over the quota of a page, 4 over the quota of an address, ' +
      '5 because the relay is full, 6 over the limit of connections, 7 for invalid requests, 8 requested too often'
  )
})

test('what is off or not reachable is said in words', () => {
  assert.deepEqual(tiles({ ...ALL, stun_works: null, turn_allocations: null }), [
    ['STUN requests', 'off', 'The STUN server is off (ice.stun).'],
    ['Relayed', 'off', 'The TURN relay is off (ice.turn).']
  ])
  assert.deepEqual(tiles({ ...ALL, stun_works: 0 })[0].slice(0, 2), ['STUN requests', 'none arrive'])
  // Credentials of an external TURN server.
  assert.equal(tiles({ ...ALL, turn_allocations: null }, { ice_credentials: 5 })[2][1], '5')
})

test('numbers that the server withholds have no tile', () => {
  const { stun_works: _, ice_credentials: __, ...shown } = ALL
  assert.deepEqual(
    tiles(shown).map(([label]) => label),
    ['STUN requests', 'Relayed']
  )
  assert.deepEqual(tiles({ connections: 5 }), [])
})

const MIDNIGHT = midnightOf(1_800_000_000)

test('the growth of a day is the sum of its steps, the last one in part', () => {
  const at = [0, 600, 1200].map(seconds => MIDNIGHT + seconds)
  const mean = { bytes_relayed: [10, null, 2], stun_bindings: [0, 0, 0] }
  const series = Object.fromEntries(Object.entries(mean).map(([name, mean]) => [name, { mean, min: mean, max: mean }]))
  assert.deepEqual(
    [...growth({ step: 600, at, series }, MIDNIGHT + 1300)],
    [
      ['bytes_relayed', 6200],
      ['stun_bindings', 0]
    ]
  )
  assert.equal(MIDNIGHT % 86_400, 0)
})

test('the count of a day includes earlier processes of that day', () => {
  const at = MIDNIGHT + 7200
  const [early, late] = [90_000, 60].map(uptime => ({ at, uptime }))
  // A process that began on an earlier day: the history counts until now.
  assert.equal(storedUntil(early), at)
  assert.deepEqual(countOfDay(900, 40.4, early), { count: 40, since: 'today' })
  // One that began today: the history counts what was before.
  assert.equal(storedUntil(late), at - 60)
  assert.deepEqual(countOfDay(5, 40.4, late), { count: 45, since: 'today' })
  // Without a history.
  assert.deepEqual(countOfDay(5, undefined, late), { count: 5, since: 'today' })
  assert.deepEqual(countOfDay(5, undefined, early), { count: 5, since: 'since the start' })
  assert.deepEqual(countOfDay(null, undefined, { at, uptime: null }), { count: null, since: 'since the start' })
})
