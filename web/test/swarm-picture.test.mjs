import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectionPath } from '../share/lib/connection-path.js'
import { PEERS_DRAWN_MAX, pictureText, swarmPicture } from '../share/lib/swarm-picture.js'

const peer = (id, path = 'direct', more = {}) => ({ id, path, down: 0, up: 0, progress: 0, ...more })

test('peers are inside the box and do not overlap', () => {
  for (let n = 1; n <= PEERS_DRAWN_MAX; n++) {
    const { centre, spots } = swarmPicture(
      Array.from({ length: n }, (_, i) => peer(String(i))),
      200
    )
    const distance = (a, b) => Math.hypot(a.x - b.x, a.y - b.y)
    for (const spot of spots) {
      assert.ok(spot.x >= 15 && spot.x <= 185 && spot.y >= 15 && spot.y <= 185)
      assert.ok(distance(spot, { x: centre, y: centre }) > 35)
    }
    for (const [i, spot] of spots.entries())
      for (const other of spots.slice(i + 1)) assert.ok(distance(spot, other) > 26, `${n} peers`)
  }
})

test('peers beyond the drawn ones are counted', () => {
  const { spots, more } = swarmPicture(
    Array.from({ length: 20 }, (_, i) => peer(String(i))),
    200
  )
  assert.equal(spots.length, PEERS_DRAWN_MAX)
  assert.equal(more, 20 - PEERS_DRAWN_MAX)
})

test('faster connections are thicker, within bounds', () => {
  const width = up => swarmPicture([peer('a', 'direct', { up })], 200).spots[0].width
  assert.equal(width(0), 1.5)
  assert.ok(width(10_000) < width(1_000_000))
  assert.ok(width(1e12) <= 5)
})

test('the picture has a description', () => {
  assert.equal(pictureText([]), 'Not connected to any peer yet.')
  assert.equal(
    pictureText([peer('a'), peer('b', 'relayed'), peer('c')]),
    'Connected to 3: 2 directly, 1 through a relay.'
  )
})

test('the path comes from the selected pair of each browser', () => {
  const candidates = (local, remote) => [
    { id: 'l', type: 'local-candidate', candidateType: local },
    { id: 'r', type: 'remote-candidate', candidateType: remote }
  ]
  const pair = { id: 'p', type: 'candidate-pair', localCandidateId: 'l', remoteCandidateId: 'r' }
  const other = { id: 'q', type: 'candidate-pair', localCandidateId: 'x', remoteCandidateId: 'y', state: 'failed' }
  const chromium = [
    other,
    pair,
    { id: 't', type: 'transport', selectedCandidatePairId: 'p' },
    ...candidates('host', 'relay')
  ]
  assert.equal(connectionPath(chromium).path, 'relayed')
  const firefox = [other, { ...pair, selected: true }, ...candidates('srflx', 'host')]
  assert.deepEqual(connectionPath(firefox), { path: 'direct', detail: 'direct' })
  const nominated = [{ ...pair, nominated: true, state: 'succeeded' }, ...candidates('host', 'host')]
  assert.deepEqual(connectionPath(nominated), { path: 'direct', detail: 'direct, same network' })
  assert.equal(connectionPath([other]).path, 'connecting')
  assert.equal(connectionPath([]).path, 'connecting')
})
