import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EventReporter } from '../share/elements/event-reporter.js'

const peer = (id, path) => ({ id, path })
const RECEIVER = {
  role: 'receiver',
  phase: 'downloading',
  name: 'n',
  infoHash: 'h',
  files: [],
  size: 100,
  have: 0,
  hashed: 0,
  down: 0,
  up: 0,
  peers: []
}
const file = (index, done) => ({
  index,
  name: `${index}.txt`,
  path: `${index}.txt`,
  size: 5,
  have: done ? 5 : 0,
  chosen: true,
  done
})

/** A reporter with its events as texts, and a clock that the test sets. */
function reporter() {
  const host = new EventTarget()
  const seen = []
  const clock = { now: 0 }
  const words = {
    peer: ({ type, id, path }) => `${type} ${id} ${path}`,
    progress: ({ phase, fraction }) => `${phase} ${fraction}`,
    file: ({ name }) => name,
    done: ({ files }) => `${files.length} files`,
    shared: ({ link }) => link,
    error: ({ code, severity }) => `${code} ${severity}`
  }
  for (const [type, word] of Object.entries(words))
    host.addEventListener(type, event => seen.push(`${type}: ${word(event.detail)}`))
  const own = new EventReporter(/** @type {any} */ (host), () => clock.now)
  const transfer = { read: () => new Blob([]).stream() }
  const update = (now, by = transfer) =>
    own.update(now, /** @type {any} */ (by), () => ({ link: 'link', magnet: '', infoHash: '', files: [] }))
  const taken = () => seen.splice(0)
  return { own, clock, update, taken }
}

test('progress is reported at most twice a second, after a change, and at once in a new phase', () => {
  const { clock, update, taken } = reporter()
  update({ ...RECEIVER, have: 10 })
  assert.deepEqual(taken(), ['progress: downloading 0.1'])
  clock.now = 100
  update({ ...RECEIVER, have: 20 })
  clock.now = 600
  update({ ...RECEIVER, have: 10 })
  assert.deepEqual(taken(), [])
  update({ ...RECEIVER, have: 60 })
  assert.deepEqual(taken(), ['progress: downloading 0.6'])
  update({ ...RECEIVER, phase: 'done', have: 100 })
  assert.deepEqual(taken(), ['progress: done 1', 'done: 0 files'])
})

test('a peer is reported when its path is known, and when it leaves', () => {
  const { clock, update, taken } = reporter()
  update({ ...RECEIVER, peers: [peer('a', 'connecting'), peer('b', 'direct')] })
  assert.deepEqual(taken().slice(1), ['peer: joined b direct'])
  update({ ...RECEIVER, peers: [peer('a', 'own-relay')] })
  assert.deepEqual(taken(), ['peer: left b direct', 'peer: joined a own-relay'])
  clock.now = 10_000
  update({ ...RECEIVER, peers: [peer('a', 'own-relay'), peer('c', 'connecting')] })
  clock.now = 14_000
  update({ ...RECEIVER, peers: [peer('a', 'own-relay'), peer('c', 'connecting')] })
  assert.deepEqual(taken(), ['peer: joined c connecting'])
  update(null, null)
  assert.deepEqual(taken(), ['peer: left a own-relay', 'peer: left c connecting'])
})

test('each complete file is reported once, and the end of each download', () => {
  const { update, taken } = reporter()
  update({ ...RECEIVER, phase: 'offered', files: [file(0, true)] })
  taken()
  update({ ...RECEIVER, files: [file(0, true), file(1, false)] })
  update({ ...RECEIVER, files: [file(0, true), file(1, false)] })
  assert.deepEqual(
    taken().filter(text => !text.startsWith('progress')),
    ['file: 0.txt']
  )
  update({ ...RECEIVER, phase: 'done', have: 100, files: [file(0, true), file(1, true)] })
  assert.deepEqual(taken().slice(1), ['file: 1.txt', 'done: 2 files'])
})

test('a link is reported once', () => {
  const { update, taken } = reporter()
  for (const phase of ['hashing', 'sharing', 'sharing']) update({ ...RECEIVER, role: 'sender', phase, hashed: 100 })
  assert.deepEqual(
    taken().filter(text => text.startsWith('shared')),
    ['shared: link']
  )
})

test('a problem is reported once while it is shown', () => {
  const { own, taken } = reporter()
  const lost = { tone: 'warning', code: 'tracker-lost', title: 'Lost', text: 'in 8 s' }
  own.updateErrors([lost, null, { tone: 'info', title: 'Connecting…', text: '' }])
  own.updateErrors([{ ...lost, text: 'in 7 s' }])
  own.updateErrors([])
  own.updateErrors([lost])
  assert.deepEqual(taken(), ['error: tracker-lost warning', 'error: tracker-lost warning'])
})

test('after a handler that caused a newer state, the rest of the old one is not reported', () => {
  const host = new EventTarget()
  const seen = []
  for (const type of ['progress', 'file', 'error', 'shared']) host.addEventListener(type, () => seen.push(type))
  const own = new EventReporter(/** @type {any} */ (host), () => 0)
  const transfer = /** @type {any} */ ({})
  const shared = () => assert.fail('nothing is shared any more')
  let isCurrent = true
  const stop = () => {
    isCurrent = false
    own.update(null, null, shared)
  }
  host.addEventListener('progress', stop, { once: true })
  own.update(/** @type {any} */ ({ ...RECEIVER, role: 'sender', phase: 'sharing' }), transfer, shared, () => isCurrent)
  assert.deepEqual(seen.splice(0), ['progress'])

  isCurrent = true
  host.addEventListener('file', stop, { once: true })
  const files = [file(0, true), file(1, true)]
  own.update(/** @type {any} */ ({ ...RECEIVER, files }), transfer, shared, () => isCurrent)
  assert.deepEqual(seen.splice(0), ['progress', 'file'])

  const notices = ['key-wrong', 'tracker-lost'].map(code => ({ tone: 'error', code, title: '', text: '' }))
  own.updateErrors(/** @type {any} */ (notices), () => false)
  assert.deepEqual(seen.splice(0), ['error'])
  // The second is reported if it is still shown.
  own.updateErrors(/** @type {any} */ (notices))
  assert.deepEqual(seen.splice(0), ['error'])
})

test('a handler that draws the same state again loses no event', () => {
  const host = new EventTarget()
  const seen = []
  host.addEventListener('shared', () => seen.push('shared'))
  const own = new EventReporter(/** @type {any} */ (host), () => 0)
  const now = /** @type {any} */ ({ ...RECEIVER, role: 'sender', phase: 'sharing' })
  let drawings = 0
  const draw = () => {
    const drawing = ++drawings
    own.update(
      now,
      /** @type {any} */ ({}),
      () => /** @type {any} */ ({}),
      () => drawing === drawings
    )
  }
  host.addEventListener('progress', draw, { once: true })
  draw()
  assert.deepEqual(seen, ['shared'])
})
