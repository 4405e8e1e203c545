import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { TrackerClient, TrackerError } from '../check/lib/tracker-client.js'
import { isMixedContent, saidByTracker, silentTracker } from '../check/lib/tracker-failure.js'

const HASH = '00ff'.repeat(10)
const PAGE = { tracker: 'wss://hub.example/announce', origin: 'https://shop.example', isBlocked: false }
const { WebSocket: native } = globalThis
afterEach(() => {
  globalThis.WebSocket = native
})

/** A socket whose other side is the test. */
class FakeSocket {
  static OPEN = 1
  static last
  readyState = 0
  sent = []
  constructor() {
    FakeSocket.last = this
  }
  send(text) {
    this.sent.push(JSON.parse(text))
  }
  close() {
    this.end(1000)
  }
  open() {
    this.readyState = 1
    this.onopen()
  }
  receive(message) {
    this.onmessage({ data: typeof message === 'string' ? message : JSON.stringify(message) })
  }
  end(code, reason = '') {
    this.readyState = 3
    this.onclose({ code, reason })
  }
}

/** Opens a client on a fake socket. */
async function openClient() {
  globalThis.WebSocket = FakeSocket
  const client = new TrackerClient('ws://hub.example', HASH)
  const opened = client.open()
  const socket = FakeSocket.last
  socket.open()
  await opened
  return { client, socket }
}

test('an announce sends ids as 20 characters and returns the counts', async () => {
  const { client, socket } = await openClient()
  const announced = client.announce([{ offerId: HASH, sdp: 'v=0' }])
  const [message] = socket.sent
  assert.equal(message.info_hash, '\u0000\u00ff'.repeat(10))
  assert.equal(message.peer_id.length, 20)
  assert.deepEqual(message.offers, [{ offer_id: message.info_hash, offer: { type: 'offer', sdp: 'v=0' } }])
  socket.receive({ action: 'announce', info_hash: message.info_hash, complete: 1, incomplete: 2, interval: 30 })
  assert.deepEqual(await announced, { complete: 1, incomplete: 2, interval: 30 })
})

test('offers and answers of the swarm arrive, anything else is ignored', async () => {
  const { client, socket } = await openClient()
  const seen = []
  client.onOffer = offer => seen.push(['offer', offer])
  client.onAnswer = answer => seen.push(['answer', answer])
  const ids = { info_hash: '\u0000\u00ff'.repeat(10), peer_id: 'p'.repeat(20), offer_id: 'o'.repeat(20) }
  for (const message of [
    '{',
    '5',
    'null',
    '[]',
    { ...ids, offer: { sdp: 5 } },
    { ...ids, info_hash: 'x', offer: { sdp: 'v' } }
  ])
    socket.receive(message)
  socket.receive({ action: 'announce', ...ids, offer: { type: 'offer', sdp: 'v=1' } })
  socket.receive({ action: 'announce', ...ids, answer: { type: 'answer', sdp: 'v=2' } })
  const relayed = { peerId: '70'.repeat(20), offerId: '6f'.repeat(20) }
  assert.deepEqual(seen, [
    ['offer', { ...relayed, sdp: 'v=1' }],
    ['answer', { ...relayed, sdp: 'v=2' }]
  ])
})

test('a refused page gets the code of the close and the text of the server', async () => {
  const { client, socket } = await openClient()
  const announced = client.announce()
  socket.receive({ action: 'Not here', 'failure reason': 'Not here' })
  socket.end(4001, 'Not here')
  await assert.rejects(announced, error => {
    assert.ok(error instanceof TrackerError)
    assert.deepEqual([error.kind, error.code, error.reason], ['closed', 4001, 'Not here'])
    return true
  })
})

test('a failure of an announce is a refusal, and a connection that never opens has no reason', async () => {
  const { client, socket } = await openClient()
  const announced = client.announce()
  socket.receive({ action: 'announce', info_hash: 'x', 'failure reason': 'too many' })
  await assert.rejects(announced, { kind: 'refused', reason: 'too many' })

  const other = new TrackerClient('ws://hub.example', HASH)
  const opened = other.open()
  FakeSocket.last.end(1006)
  await assert.rejects(opened, { kind: 'not-opened', reason: '' })
})

test('each close code has its own words', () => {
  const said = code => saidByTracker({ kind: 'closed', code, reason: 'r' }, PAGE.origin)
  assert.match(said(4001).text, /does not serve pages of https:\/\/shop\.example/)
  assert.match(said(4002).text, /needs a token/)
  assert.match(said(4003).text, /not valid/)
  assert.match(said(1013).text, /refuses: r\./)
  assert.equal(saidByTracker({ kind: 'not-opened', code: 1006, reason: '' }, PAGE.origin), null)
  const listed = saidByTracker(
    { kind: 'refused', code: 0, reason: 'This info_hash is not allowed on this tracker' },
    ''
  )
  assert.equal(listed.state, 'warning')
})

test('the causes of a silent tracker are told apart', () => {
  const served = { address: { state: 'served' }, origin: { state: 'allowed' }, token: { state: 'not_needed' } }
  const text = (report, { kind = 'not-opened', ...page } = {}) =>
    silentTracker({ kind }, report && { report }, { ...PAGE, ...page }).text
  assert.match(text(null, { isBlocked: true }), /content security policy/)
  assert.match(text(null), /Nothing answers at hub\.example/)
  assert.match(text({}), /Another server answers/)
  assert.match(text({ address: { state: 'banned', reason: 'spam', retry_after: 600 } }), /banned: spam/)
  assert.match(text({ address: { state: 'limited', reason: 'full' } }), /limit of the tracker is reached: full/)
  assert.match(text({ ...served, origin: { state: 'denied' } }), /does not serve pages/)
  assert.match(text({ ...served, token: { state: 'missing' } }), /needs a token/)
  assert.match(text({ ...served, token: { state: 'wrong' } }), /not valid/)
  const draining = { state: 'draining', retry_after: 30 }
  assert.match(text({ ...served, server: draining }), /shutting down/)
  assert.match(text({ ...served, server: { state: 'no_tracker' } }), /only pages/)
  assert.match(text({ ...served, server: { state: 'serving' } }), /no WebSocket opens/)
  assert.match(text(served), /no WebSocket opens/)
  assert.match(text(served, { kind: 'silent' }), /stays silent/)
})

test('a tracker without TLS is refused on an encrypted page, except on this machine', () => {
  assert.ok(isMixedContent('ws://hub.example/', 'https://shop.example/'))
  for (const [tracker, page] of [
    ['wss://hub.example/', 'https://shop.example/'],
    ['ws://hub.example/', 'http://shop.example/'],
    ['ws://localhost:8000/', 'https://shop.example/']
  ])
    assert.ok(!isMixedContent(tracker, page), tracker)
})
