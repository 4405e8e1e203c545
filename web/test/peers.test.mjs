import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { PeerList } from '../share/core/peers.js'
import { PeerNumbers } from '../share/lib/peer-numbers.js'

const HOST = 'a=candidate:1 1 udp 1 a.local 5000 typ host\r\n'
const SRFLX = 'a=candidate:2 1 udp 1 198.51.100.7 5000 typ srflx raddr 0.0.0.0 rport 0\r\n'

/** A pending connection of webtorrent whose browsers have found these candidates. */
function connection(id, { local = HOST + SRFLX, remote = HOST } = {}) {
  const one = new EventEmitter()
  const end = event => {
    one._pc = null
    one.emit(event, new Error('Ice connection failed.'))
  }
  return Object.assign(one, {
    id,
    connected: false,
    _pc: {
      localDescription: local && { sdp: local },
      remoteDescription: remote && { sdp: remote },
      getConfiguration: () => ({ iceServers: [{ urls: 'stun:203.0.113.1' }] })
    },
    fail: () => end('error'),
    close: () => end('close')
  })
}

/** A list with a clock that `pass` moves on, with two calls of `tick` a second. */
function peerList() {
  const torrent = Object.assign(new EventEmitter(), { wires: [], pieces: [], destroyed: false })
  let now = 1000
  const list = new PeerList(torrent, () => now)
  return {
    list,
    torrent,
    add(one) {
      torrent.emit('peer', one)
      return one
    },
    pass(ms) {
      for (let left = ms; left > 0; left -= 500) {
        now += 500
        list.tick(now)
      }
    }
  }
}

test('an attempt that fails has a cause from what both browsers found', () => {
  const { list, add, pass } = peerList()
  const one = add(connection('a'))
  assert.deepEqual([list.connecting, list.failed, list.failureCause], [1, 0, null])
  pass(15_000)
  one.fail()
  assert.deepEqual([list.connecting, list.failed, list.failureCause], [0, 1, 'other-blocked'])
})

test('an attempt that ends at once says nothing about the networks', () => {
  const { list, add, pass } = peerList()
  const one = add(connection('a'))
  pass(4_000)
  one.close()
  assert.deepEqual([list.failed, list.failureCause], [1, null])
})

test('an attempt without an answer of the other browser has no cause', () => {
  const { list, add, pass } = peerList()
  const one = add(connection('a', { remote: null }))
  pass(20_000)
  one.fail()
  assert.deepEqual([list.failed, list.failureCause], [1, null])
})

test('an attempt that lasts too long has failed', () => {
  const { list, add, pass } = peerList()
  add(connection('a'))
  pass(31_000)
  assert.deepEqual([list.connecting, list.failed, list.failureCause], [0, 1, 'other-blocked'])
})

test('the cause is that of the latest failure, and ends after two minutes', () => {
  const { list, add, pass } = peerList()
  const [one, other] = [connection('a'), connection('b', { local: HOST, remote: HOST + SRFLX })].map(add)
  pass(10_000)
  one.fail()
  pass(1_000)
  other.fail()
  assert.equal(list.failureCause, 'own-blocked')
  const again = add(connection('a'))
  pass(10_000)
  again.fail()
  assert.deepEqual([list.failed, list.failureCause], [2, 'other-blocked'])
  pass(121_000)
  assert.deepEqual([list.failed, list.failureCause], [0, null])
})

test('a peer that connects after all has not failed', () => {
  const { list, add, pass } = peerList()
  const one = add(connection('a'))
  pass(10_000)
  one.fail()
  add(connection('a')).emit('connect')
  assert.deepEqual([list.connecting, list.failed, list.failureCause], [0, 0, null])
})

test('of two connections to one peer the dropped one is no failure', () => {
  const { list, torrent, add, pass } = peerList()
  const one = add(connection('a'))
  add(connection('a'))
  pass(10_000)
  one.close()
  assert.equal(list.failed, 0)
  const last = add(connection('b'))
  torrent.destroyed = true
  last.close()
  assert.equal(list.failed, 0)
})

test('peers keep their numbers, and those that are long gone are forgotten', () => {
  const numbers = new PeerNumbers()
  assert.deepEqual(
    ['a', 'b', 'a'].map(id => numbers.of(id)),
    [1, 2, 1]
  )
  for (let i = 0; i < 5_000; i++) {
    numbers.of(`peer ${i}`)
    // A connected peer is asked about all the time.
    assert.equal(numbers.of('a'), 1)
  }
  assert.equal(numbers.of('b'), 5_003, 'a new number, which nobody else has')
})

test('a peer has everything only after it has said so', () => {
  const { list, torrent } = peerList()
  torrent.pieces = Array(10).fill({})
  const wire = { peerId: 'a', isSeeder: true, uploaded: 0, downloadSpeed: () => 0, uploadSpeed: () => 0 }
  torrent.wires = [wire]
  const progress = (buffer, get) => {
    wire.peerPieces = { buffer: Uint8Array.from(buffer), get }
    return list.list(0)[0].progress
  }
  assert.equal(
    progress([], () => false),
    0,
    'before its first message'
  )
  assert.equal(
    progress([], () => true),
    1,
    'have-all'
  )
  assert.equal(
    progress([0xff, 0xc0], () => true),
    1
  )
  wire.isSeeder = false
  assert.equal(
    progress([0xf8, 0], index => index < 5),
    0.5
  )
})
