import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { PieceWindow } from '../share/core/piece-window.js'

const MIB = 1024 * 1024
const all = () => true

/** A torrent as far as a window knows it, and its peers; `deliver` is what a peer does. */
class FakeTorrent extends EventEmitter {
  destroyed = false
  selected = new Set()
  constructor({ count = 768, pieceLength = 4 * MIB, files }) {
    super()
    this.pieceLength = pieceLength
    this.pieces = Array.from({ length: count }, () => ({ length: pieceLength, missing: pieceLength }))
    this.bitfield = { get: index => this.pieces[index] === null }
    this.files = files ?? [{ offset: 0, length: count * pieceLength }]
    this.wires = []
  }

  select(start, end) {
    for (let i = start; i <= end; i++) this.selected.add(i)
  }
  deselect(start, end) {
    for (let i = start; i <= end; i++) this.selected.delete(i)
  }
  peer(has = all, peerChoking = false) {
    const wire = { destroyed: false, peerChoking, peerPieces: { get: has } }
    this.wires.push(wire)
    return wire
  }

  begin(index) {
    this.pieces[index].missing -= 16384
  }
  deliver(index) {
    this.pieces[index] = null
    this.selected.delete(index)
    this.emit('verified', index)
  }

  get begun() {
    return this.pieces.filter(piece => piece && piece.missing < piece.length).length
  }
}

const bytesSelected = torrent => torrent.selected.size * torrent.pieceLength

test('a download has few started pieces at a time', () => {
  for (const [count, pieceLength] of [
    [768, 4 * MIB],
    [1500, 2 * MIB],
    [10_000, 16 * 1024],
    [100, 16 * MIB],
    [3, 64 * MIB],
    [1, 16384]
  ]) {
    const torrent = new FakeTorrent({ count, pieceLength })
    torrent.peer()
    const window = new PieceWindow(torrent)
    window.want(torrent.files)
    let most = 0
    while (torrent.selected.size) {
      most = Math.max(most, bytesSelected(torrent))
      torrent.deliver([...torrent.selected][0])
    }
    assert.equal(torrent.pieces.filter(piece => piece !== null).length, 0, `${count} pieces of ${pieceLength}`)
    assert.ok(most <= Math.max(48 * MIB, 2 * pieceLength), `${most} bytes of ${count} pieces`)
  }
})

test('only a part of a small share is selected', () => {
  const torrent = new FakeTorrent({ count: 320, pieceLength: 16 * 1024 })
  torrent.peer()
  new PieceWindow(torrent).want(torrent.files)
  assert.equal(torrent.selected.size, 80)
  const runs = [...torrent.selected].filter(index => !torrent.selected.has(index - 1)).length
  assert.ok(runs > 5, `${runs} runs`)
})

test('receivers of one sender start with different pieces', () => {
  const starts = Array.from({ length: 5 }, () => {
    const torrent = new FakeTorrent({})
    torrent.peer()
    new PieceWindow(torrent).want(torrent.files)
    return torrent.selected
  })
  const together = new Set(starts.flatMap(selected => [...selected]))
  assert.ok(together.size > 45, `${together.size} of 60`)
})

test('the rarest pieces come first', () => {
  const torrent = new FakeTorrent({ count: 100 })
  torrent.peer()
  for (let i = 0; i < 3; i++) torrent.peer(index => index >= 10, true)
  new PieceWindow(torrent).want(torrent.files)
  for (let i = 0; i < 10; i++) assert.ok(torrent.selected.has(i), `${i}`)
})

test('a peer with few pieces is used', () => {
  const torrent = new FakeTorrent({ count: 500 })
  torrent.peer()
  torrent.peer(index => index === 77)
  const window = new PieceWindow(torrent)
  window.want(torrent.files)
  assert.ok(torrent.selected.has(77))
})

test('a left peer frees its room; started pieces stay', () => {
  const torrent = new FakeTorrent({ count: 100 })
  const early = torrent.peer(index => index < 50)
  const window = new PieceWindow(torrent)
  window.want(torrent.files)
  const [begun] = torrent.selected
  torrent.begin(begun)
  early.destroyed = true
  torrent.wires.shift()
  torrent.peer(index => index >= 50)
  window.refill()
  assert.deepEqual(
    [...torrent.selected].filter(index => index < 50),
    [begun]
  )
  assert.ok(torrent.selected.size > 5)
})

test('peers that leave during pieces do not block others', () => {
  const torrent = new FakeTorrent({ count: 400 })
  const window = new PieceWindow(torrent)
  window.want(torrent.files)
  for (let turn = 0; turn < 3; turn++) {
    const wire = torrent.peer(index => index % 4 === turn)
    window.refill()
    for (const index of torrent.selected) if (index % 4 === turn) torrent.begin(index)
    wire.destroyed = true
    torrent.wires.length = 0
  }
  torrent.peer(index => index % 4 === 3)
  window.refill()
  while ([...torrent.selected].some(index => index % 4 === 3))
    torrent.deliver([...torrent.selected].find(index => index % 4 === 3))
  for (let index = 3; index < 400; index += 4) assert.equal(torrent.pieces[index], null)
  assert.ok(torrent.begun <= 30, `${torrent.begun} have begun`)
})

test('only chosen files are downloaded, also after a new choice', () => {
  const files = [
    { offset: 0, length: 10 * MIB },
    { offset: 10 * MIB, length: 0 },
    { offset: 10 * MIB, length: 30 * MIB },
    { offset: 40 * MIB, length: 160 * MIB }
  ]
  const torrent = new FakeTorrent({ count: 50, files })
  torrent.peer()
  const window = new PieceWindow(torrent)
  window.want(files.slice(0, 2))
  assert.deepEqual([...torrent.selected].sort(), [0, 1, 2])
  torrent.begin(0)
  window.want(files.slice(2, 3))
  assert.deepEqual([...torrent.selected].sort(), [0, 2, 3, 4, 5, 6, 7, 8, 9])
  window.want([])
  assert.deepEqual([...torrent.selected], [0], 'what has begun comes to its end')
})

test('a reader comes first and gets half of the window', () => {
  const torrent = new FakeTorrent({ count: 700 })
  torrent.peer()
  const window = new PieceWindow(torrent)
  window.want(torrent.files)
  const reader = {}
  window.need(reader, { start: 100 * 4 * MIB, end: 700 * 4 * MIB - 1 })
  for (const index of [...torrent.selected]) if (index !== 100) torrent.deliver(index)
  // The random choice before may have had some of them.
  const isTaken = index => torrent.selected.has(index) || torrent.pieces[index] === null
  for (let index = 100; index < 106; index++) assert.ok(isTaken(index), `${index}`)
  window.need(reader, null)
  assert.ok([...torrent.selected].some(index => index < 100 || index > 110))
})

test('a destroyed torrent is not changed', () => {
  const torrent = new FakeTorrent({})
  const window = new PieceWindow(torrent)
  torrent.peer()
  torrent.destroyed = true
  torrent.select = () => {
    throw new Error('destroyed')
  }
  window.want(torrent.files)
})
