import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Reannouncer } from '../share/core/reannouncer.js'
import { fileStates, totals } from '../share/core/snapshot.js'

const files = /** @type {any[]} */ ([
  { name: 'a', path: 'x/a', length: 100, done: true, downloaded: 90 },
  { name: 'b', path: 'x/b', length: 300, done: false, downloaded: 60 },
  { name: 'c', path: 'x/c', length: 500, done: false, downloaded: 10 }
])

test('only chosen files count', () => {
  const { size, have, secondsLeft } = totals(fileStates(files, new Set([0, 1])), { down: 80, up: 0, alone: false })
  assert.deepEqual([size, have, secondsLeft], [400, 160, 3])
})

test('without peers the speeds are zero and the time left is unknown', () => {
  const { down, up, secondsLeft } = totals(fileStates(files, new Set([1])), { down: 80, up: 9, alone: true })
  assert.deepEqual([down, up, secondsLeft], [0, 0, Infinity])
})

test('a peer without connections announces again, with growing delays', () => {
  const announces = /** @type {number[]} */ ([])
  let now = 0
  const reannouncer = new Reannouncer(
    'receiver',
    /** @type {any} */ ({ known: 0, announce: () => announces.push(now) }),
    now
  )
  for (; now < 60_000; now += 500) reannouncer.tick(now, true)
  assert.ok(announces.length >= 3 && announces.length <= 5, announces.join())
  assert.ok(reannouncer.seconds(now) === 60)
  for (; now < 120_000; now += 500) reannouncer.tick(now, false)
  assert.ok(announces.every(at => at < 60_000))
  assert.ok(reannouncer.seconds(now) < 1)
})

test('a sender without other peers does not announce again', () => {
  let announces = 0
  const tracker = { known: 0, announce: () => announces++ }
  const reannouncer = new Reannouncer('sender', /** @type {any} */ (tracker), 0)
  for (let now = 0; now < 60_000; now += 500) reannouncer.tick(now, true)
  assert.equal(announces, 0)
  tracker.known = 1
  for (let now = 60_000; now < 180_000; now += 500) reannouncer.tick(now, true)
  assert.ok(announces >= 1)
})
