import assert from 'node:assert/strict'
import { afterEach, beforeEach, mock, test } from 'node:test'
import { withEarlyGatheringEnd } from '../common/early-gathering.js'

const STUN = [{ urls: 'stun:192.0.2.1' }]
const TURN = [{ urls: ['stun:192.0.2.1', 'turn:192.0.2.1'], username: 'u', credential: 'p' }]

class IceEvent extends Event {
  constructor(type, { candidate }) {
    super(type)
    this.candidate = candidate
  }
}

/** What the module uses of a browser's connection. */
class FakeConnection extends EventTarget {
  native = { state: 'new', fragment: 'first', signaling: 'have-local-offer' }
  constructor(config = {}) {
    super()
    this.config = config
  }
  get iceGatheringState() {
    return this.native.state
  }
  get signalingState() {
    return this.native.signaling
  }
  get localDescription() {
    return { sdp: `v=0\r\na=ice-ufrag:${this.native.fragment}\r\n` }
  }
  getConfiguration() {
    return this.config
  }
  close() {
    this.native.signaling = 'closed'
  }
}

const Connection = withEarlyGatheringEnd(/** @type {any} */ (FakeConnection))

/** A connection that gathers, and what its client sees. */
function gathering(iceServers) {
  const connection = /** @type {any} */ (new Connection({ iceServers }))
  const seen = []
  connection.addEventListener('icecandidate', ({ candidate }) => seen.push(candidate ? typeOf(candidate) : 'end'))
  connection.addEventListener('icegatheringstatechange', () => seen.push(connection.iceGatheringState))
  connection.native.state = 'gathering'
  connection.dispatchEvent(new Event('icegatheringstatechange'))
  seen.length = 0
  return { connection, seen }
}

const typeOf = ({ candidate }) => / typ (\w+)/.exec(candidate)?.[1] ?? 'empty'

function find(connection, type) {
  const candidate = { candidate: type ? `candidate:1 1 udp 1 192.0.2.9 9 typ ${type}` : '' }
  connection.dispatchEvent(new IceEvent('icecandidate', { candidate }))
}

function endNatively(connection) {
  connection.native.state = 'complete'
  connection.dispatchEvent(new Event('icegatheringstatechange'))
  connection.dispatchEvent(new IceEvent('icecandidate', { candidate: null }))
}

beforeEach(() => {
  globalThis.RTCPeerConnectionIceEvent = /** @type {any} */ (IceEvent)
  mock.timers.enable({ apis: ['setTimeout'] })
})
afterEach(() => mock.timers.reset())

test('gathering ends 300 ms after the last useful candidate', () => {
  const { connection, seen } = gathering(STUN)
  find(connection, 'host')
  find(connection, 'srflx')
  mock.timers.tick(200)
  find(connection, 'srflx')
  mock.timers.tick(299)
  assert.deepEqual(seen, ['host', 'srflx', 'srflx'])
  assert.equal(connection.iceGatheringState, 'gathering')
  mock.timers.tick(1)
  assert.deepEqual(seen.slice(3), ['complete', 'end'])
  assert.equal(connection.iceGatheringState, 'complete')
})

test('it ends 1.5 s after the first candidate at the latest', () => {
  const { connection, seen } = gathering(STUN)
  find(connection, 'host')
  mock.timers.tick(1_400)
  find(connection, 'srflx')
  mock.timers.tick(99)
  assert.equal(connection.iceGatheringState, 'gathering')
  mock.timers.tick(1)
  assert.deepEqual(seen, ['host', 'srflx', 'complete', 'end'])
})

test('with TURN servers it waits for a relay', () => {
  const { connection } = gathering(TURN)
  find(connection, 'host')
  find(connection, 'srflx')
  mock.timers.tick(800)
  assert.equal(connection.iceGatheringState, 'gathering')
  find(connection, 'relay')
  mock.timers.tick(300)
  assert.equal(connection.iceGatheringState, 'complete')
})

test('without servers or candidates nothing changes', () => {
  const local = gathering([])
  find(local.connection, 'host')
  mock.timers.tick(10_000)
  assert.deepEqual(local.seen, ['host'])
  endNatively(local.connection)
  assert.deepEqual(local.seen, ['host', 'complete', 'end'])
  const silent = gathering(STUN)
  find(silent.connection, '')
  mock.timers.tick(10_000)
  assert.deepEqual(silent.seen, ['empty'])
})

test('an end in time is reported once and stops the timers', () => {
  const { connection, seen } = gathering(STUN)
  find(connection, 'host')
  endNatively(connection)
  mock.timers.tick(10_000)
  assert.deepEqual(seen, ['host', 'complete', 'end'])
})

test('later candidates reach the client, the second end does not', () => {
  const { connection, seen } = gathering(STUN)
  find(connection, 'host')
  mock.timers.tick(1_500)
  find(connection, 'relay')
  find(connection, '')
  mock.timers.tick(10_000)
  endNatively(connection)
  assert.deepEqual(seen, ['host', 'complete', 'end', 'relay', 'empty'])
  assert.equal(connection.iceGatheringState, 'complete')
})

test('an ICE restart gathers anew', () => {
  const { connection, seen } = gathering(STUN)
  find(connection, 'srflx')
  mock.timers.tick(300)
  connection.native.fragment = 'second'
  assert.equal(connection.iceGatheringState, 'gathering')
  find(connection, 'host')
  find(connection, 'srflx')
  mock.timers.tick(299)
  assert.equal(connection.iceGatheringState, 'gathering')
  mock.timers.tick(1)
  assert.deepEqual(seen, ['srflx', 'complete', 'end', 'host', 'srflx', 'complete', 'end'])
})

test('the timers of an earlier session do not end a new one', () => {
  const { connection, seen } = gathering(STUN)
  find(connection, 'srflx')
  connection.native.fragment = 'second'
  mock.timers.tick(1_500)
  find(connection, 'srflx')
  mock.timers.tick(299)
  assert.deepEqual(seen, ['srflx', 'srflx'])
  mock.timers.tick(1)
  assert.deepEqual(seen.slice(2), ['complete', 'end'])
})

test('handler properties get the end like listeners', () => {
  const { connection } = gathering(STUN)
  const [first, second] = [mock.fn(), mock.fn()]
  connection.onicecandidate = first
  connection.onicecandidate = second
  connection.onicegatheringstatechange = second
  assert.equal(connection.onicecandidate, second)
  find(connection, 'srflx')
  mock.timers.tick(300)
  assert.equal(first.mock.callCount(), 0)
  assert.deepEqual(
    second.mock.calls.map(({ arguments: [event] }) => event.type),
    ['icecandidate', 'icegatheringstatechange', 'icecandidate']
  )
  connection.onicecandidate = null
  assert.equal(connection.onicecandidate, null)
  find(connection, 'srflx')
  assert.equal(second.mock.callCount(), 3)
})

test('a closed connection reports nothing', () => {
  const { connection, seen } = gathering(STUN)
  find(connection, 'srflx')
  connection.close()
  mock.timers.tick(10_000)
  assert.deepEqual(seen, ['srflx'])
})
