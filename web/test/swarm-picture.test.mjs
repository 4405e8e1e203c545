import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
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
    pictureText([peer('a'), peer('b', 'other-relay'), peer('c')]),
    'Connected to 3: 2 directly, 1 through a relay.'
  )
  assert.equal(
    pictureText(['connecting', 'own-relay', 'same-network', 'own-relay'].map((path, i) => peer(i, path))),
    'Connected to 4: 1 in the same network, 2 through the tracker’s relay, 1 still being checked.'
  )
})

/** Reports of a connection whose candidates have these types and addresses. */
function reports(local, remote, selection) {
  const pair = { id: 'p', type: 'candidate-pair', localCandidateId: 'l', remoteCandidateId: 'r' }
  const candidate = (id, type, [candidateType, address]) => ({ id, type, candidateType, address })
  return [
    { id: 'q', type: 'candidate-pair', localCandidateId: 'x', remoteCandidateId: 'y', state: 'failed' },
    ...selection(pair),
    candidate('l', 'local-candidate', local),
    candidate('r', 'remote-candidate', remote)
  ]
}
const SELECTIONS = {
  chromium: pair => [pair, { id: 't', type: 'transport', selectedCandidatePairId: 'p' }],
  firefox: pair => [{ ...pair, selected: true }],
  nominated: pair => [{ ...pair, nominated: true, state: 'succeeded' }]
}

test('the path comes from the candidates of the selected pair', () => {
  const [host, srflx, prflx] = [['host', '192.168.1.5'], ['srflx', '198.51.100.7'], ['prflx']]
  const [own, other] = [
    ['relay', '192.0.2.1'],
    ['relay', '203.0.113.7']
  ]
  const cases = [
    [host, host, 'same-network'],
    [srflx, srflx, 'direct'],
    [srflx, host, 'direct'],
    [host, prflx, 'direct'],
    [prflx, prflx, 'direct'],
    [own, own, 'own-relay'],
    [host, own, 'own-relay'],
    [own, prflx, 'own-relay'],
    [other, other, 'other-relay'],
    [prflx, other, 'other-relay'],
    [['relay'], host, 'other-relay']
  ]
  for (const [local, remote, path] of cases)
    for (const [browser, selection] of Object.entries(SELECTIONS))
      assert.equal(connectionPath(reports(local, remote, selection)), path, `${local} to ${remote} in ${browser}`)
})

test('without a selected pair the path is not known', () => {
  const host = ['host', '192.168.1.5']
  assert.equal(connectionPath(reports(host, host, () => [])), 'connecting')
  assert.equal(connectionPath([]), 'connecting')
})

test('the page knows the addresses of the relay of this server', async () => {
  const source = await readFile(new URL('../../src/server/stun.rs', import.meta.url), 'utf8')
  const address = /RELAY_IP: Ipv4Addr = Ipv4Addr::new\(([\d, ]+)\)/.exec(source)?.[1].replaceAll(', ', '.')
  assert.equal(connectionPath(reports(['relay', address], ['host'], SELECTIONS.chromium)), 'own-relay')
})
