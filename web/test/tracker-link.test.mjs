import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, test } from 'node:test'
import { TrackerLink } from '../share/core/tracker-link.js'

const native = globalThis.fetch
/** What the server answers; null: nothing. @type {object | null} */
let report
let requests
beforeEach(() => {
  requests = 0
  report = null
  globalThis.fetch = async (_, { mode } = {}) => {
    if (mode !== 'no-cors') requests++
    if (!report) throw new TypeError('down')
    return new Response(JSON.stringify(report))
  }
})
afterEach(() => {
  globalThis.fetch = native
})
const turn = () => new Promise(resolve => setTimeout(resolve, 5))
const refusal = { address: { state: 'served' }, origin: { state: 'denied', reason: 'not this page' } }

/** A tracker that opens no WebSocket. */
function away() {
  const socket = {
    reconnecting: true,
    destroyed: true,
    reconnectTimer: null,
    announceUrl: 'wss://hub.example',
    _openSocket() {}
  }
  const torrent = Object.assign(new EventEmitter(), {
    discovery: { tracker: Object.assign(new EventEmitter(), { _trackers: [socket], update() {} }) }
  })
  return { torrent, socket, link: new TrackerLink(/** @type {any} */ (torrent)) }
}

test('the cause is known before anybody is told, and asked again after a minute', async () => {
  const { link } = away()
  link.tick(1_000)
  assert.equal(link.snapshot(1_000).state, 'connecting')
  await turn()
  const { state, cause, url } = link.snapshot(1_000)
  assert.deepEqual([state, cause, url], ['waiting', 'silent', 'wss://hub.example'])
  report = refusal
  for (let now = 2_000; now < 60_000; now += 1_000) link.tick(now)
  await turn()
  assert.equal(requests, 1)
  for (let now = 60_000; now < 120_000; now += 1_000) link.tick(now)
  await turn()
  assert.equal(requests, 2)
  assert.equal(link.snapshot(120_000).refusal, 'not this page')
})

test('words of a tracker end when nothing answers any more', async () => {
  const { link } = away()
  report = refusal
  link.tick(0)
  await turn()
  assert.equal(link.snapshot(0).refusal, 'not this page')
  report = null
  for (let now = 1_000; now < 130_000; now += 1_000) link.tick(now)
  await turn()
  const { refusal: words, cause } = link.snapshot(130_000)
  assert.deepEqual([words, cause], [null, 'silent'])
})

test('after an answer of the tracker, the next loss has no cause from before', async () => {
  const { link, torrent } = away()
  link.tick(0)
  await turn()
  assert.equal(link.snapshot(0).cause, 'silent')
  torrent.emit('trackerAnnounce')
  assert.equal(link.snapshot(0).cause, null)
})

test('an open WebSocket without an answer is silent after ten seconds, and each new one anew', () => {
  const { link, socket, torrent } = away()
  const openAt = now => {
    Object.assign(socket, { reconnecting: false, destroyed: false, socket: { connected: true } })
    link.tick(now)
  }
  const isSilent = now => link.snapshot(now).isSilent
  openAt(1_000)
  assert.deepEqual([isSilent(10_999), isSilent(11_000)], [false, true])
  torrent.emit('trackerAnnounce')
  assert.equal(isSilent(99_000), false)
  openAt(100_000)
  assert.deepEqual([isSilent(100_000), isSilent(110_000)], [false, true])
  torrent.emit('warning', new Error('too many torrents'))
  assert.equal(isSilent(110_000), false)
})

test('an answer to a question from before is not shown', async () => {
  const { link } = away()
  report = refusal
  link.tick(0)
  link.retryNow()
  await turn()
  assert.equal(link.snapshot(0).refusal, null)
})
