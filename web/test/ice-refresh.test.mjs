import assert from 'node:assert/strict'
import { afterEach, beforeEach, mock, test } from 'node:test'
import { loadIceSettings } from '../share/core/environment.js'
import { IceRefresh } from '../share/core/ice-refresh.js'

const servers = name => [{ urls: `turn:${name}` }]
const found = (name, ttl) => ({ servers: servers(name), ttl, refused: false, pages: null })
const LOST = { servers: null, ttl: null, refused: false, pages: null }

/** A refresh with the given responses. */
function refresh(...responses) {
  const load = mock.fn(async () => responses.shift() ?? LOST)
  const applied = []
  return { load, applied, refresh: new IceRefresh(load, servers => applied.push(servers)) }
}

/** Lets the clock run in steps, so that what a timer starts can go on. */
async function pass(ms) {
  for (let left = ms; left > 0; left -= 500) {
    mock.timers.tick(Math.min(500, left))
    for (let i = 0; i < 5; i++) await Promise.resolve()
  }
}

beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] })
  mock.method(Math, 'random', () => 0)
})
afterEach(() => {
  mock.timers.reset()
  mock.restoreAll()
})

test('servers are requested again at 80 % of their lifetime', async () => {
  const { load, applied, refresh: one } = refresh(found('second', 100), found('third', null))
  one.start(found('first', 1_000))
  await pass(799_500)
  assert.equal(load.mock.callCount(), 0)
  await pass(1_000)
  assert.deepEqual(applied, [servers('second')])
  await pass(80_500)
  assert.deepEqual(applied, [servers('second'), servers('third')])
  await pass(10_000_000)
  assert.equal(load.mock.callCount(), 2)
})

test('servers without a lifetime, and refusals, need no request', async () => {
  const { load, refresh: one } = refresh()
  one.start(found('first', null))
  one.start({ ...LOST, refused: true })
  await pass(10_000_000)
  assert.equal(load.mock.callCount(), 0)
})

test('a failed request is repeated, and keeps the old servers', async () => {
  const { load, applied, refresh: one } = refresh(LOST, LOST, LOST, found('second', null))
  one.start(found('first', 100))
  await pass(80_500)
  assert.equal(load.mock.callCount(), 1)
  await pass(2_000)
  assert.equal(load.mock.callCount(), 2)
  await pass(4_000)
  assert.equal(load.mock.callCount(), 3)
  assert.deepEqual(applied, [])
  await pass(8_000)
  assert.deepEqual(applied, [servers('second')])
})

test('requests never come faster than their bounds', async () => {
  const failing = refresh()
  failing.refresh.start(LOST)
  await pass(600_000)
  // 2, 4, 8, 16, 32 s, then one a minute.
  assert.equal(failing.load.mock.callCount(), 13)
  const hasty = refresh(...Array.from({ length: 99 }, () => found('next', 0.001)))
  hasty.refresh.start(found('first', 0.001))
  await pass(60_000)
  assert.equal(hasty.load.mock.callCount(), 6)
})

test('after a sleep of the machine the clock counts, not the timer', async () => {
  const { load, refresh: one } = refresh(found('second', null))
  one.start(found('first', 86_400))
  await pass(60_000)
  mock.timers.setTime(Date.now() + 86_400_000)
  await pass(60_500)
  assert.equal(load.mock.callCount(), 1)
})

test('a stopped refresh requests and applies nothing', async () => {
  let respond = _ => {}
  const applied = []
  const load = mock.fn(() => new Promise(resolve => (respond = resolve)))
  const one = new IceRefresh(load, servers => applied.push(servers))
  one.start(found('first', 100))
  await pass(80_500)
  one.stop()
  respond(found('second', 100))
  await pass(1_000_000)
  assert.equal(load.mock.callCount(), 1)
  assert.deepEqual(applied, [])
})

test('the response of the server is checked', async () => {
  const respond = (body, init) => mock.method(globalThis, 'fetch', async () => new Response(body, init))
  respond('{"iceServers":[{"urls":"stun:x"}],"ttl":3600}')
  assert.deepEqual(await loadIceSettings('/ice'), {
    servers: [{ urls: 'stun:x' }],
    ttl: 3600,
    refused: false,
    pages: null
  })
  for (const ttl of ['"1"', '-1', '0', 'null', '1e999']) {
    respond(`{"iceServers":[],"ttl":${ttl}}`)
    assert.equal((await loadIceSettings('/ice')).ttl, null, ttl)
  }
  respond('gone', { status: 502 })
  assert.equal((await loadIceSettings('/ice')).servers, null)
  respond('no token', { status: 403 })
  assert.deepEqual(await loadIceSettings('/ice'), { ...LOST, refused: true })
  // Of another tracker, which has no ICE settings.
  respond('forbidden', { status: 403 })
  assert.deepEqual(await loadIceSettings('/ice'), LOST)
  respond('not found', { status: 404 })
  assert.deepEqual(await loadIceSettings('/ice'), { ...LOST, servers: [] })
  assert.deepEqual((await loadIceSettings(null)).servers, [])
})
