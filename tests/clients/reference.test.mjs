// The reference client (npm bittorrent-tracker) against the real binary, as used by all webtorrent clients.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventually, nextEvent, randomId, startServer, within } from '../support/index.mjs'
import { Client, newClient } from './reference.mjs'

const STEP_MS = 20_000

let server
before(async () => { server = await startServer() })
after(() => server.stop())

/** Creates a client of the shared server that ends with the test. `path` selects its connection. */
function client (t, path, options, tracker = server.tracker) {
  const it = newClient(new URL(path, tracker).href, options)
  t.after(() => within(STEP_MS, it.destroy(), 'destroy'))
  return it
}

const counts = (it, wanted, what) => eventually(STEP_MS, () => it.counts() === wanted, `${what}: counts ${wanted}`)

const scrape = (infoHash, path) => within(STEP_MS, new Promise((resolve, reject) => {
  Client.scrape({ infoHash, announce: new URL(path, server.tracker).href }, (error, result) => error ? reject(error) : resolve(result))
}), 'scrape')

// Most of the time is spent in waits of the client, so the tests run in parallel.
describe('the reference client', { concurrency: 4 }, () => {
  test('two hundred torrents on one connection are all served and introduced', async t => {
    const infoHashes = Array.from({ length: 200 }, randomId)
    const first = infoHashes.map(infoHash => client(t, '/many/1', { infoHash, left: 1 }))
    for (const { client } of first) client.start()
    await eventually(STEP_MS, () => first.every(it => it.counts() === '0/1'), '200 replies to the first')

    const second = infoHashes.map(infoHash => client(t, '/many/2', { infoHash, left: 0, offers: 1 }))
    for (const { client } of second) client.start()
    await eventually(STEP_MS, () => second.every(it => it.counts() === '1/1'), '200 replies to the second')
    await eventually(STEP_MS, () => [...first, ...second].every(it => it.seen.peers.length === 1), '200 introductions')
    first.forEach((it, i) => {
      assert.equal(it.seen.peers[0].id, second[i].peerId)
      assert.equal(second[i].seen.peers[0].id, it.peerId)
    })
    assert.deepEqual([...first, ...second].flatMap(it => it.seen.warnings), [])
  })

  test('counts follow started, completed, update and stopped', async t => {
    const infoHash = randomId()
    const a = client(t, '/counts/a', { infoHash })
    const b = client(t, '/counts/b', { infoHash })

    a.client.start()
    await counts(a, '0/1', 'a starts')
    b.client.start()
    await counts(b, '0/2', 'b starts')
    b.state.left = 0
    b.client.complete()
    await counts(b, '1/1', 'b completes')
    a.client.update()
    await counts(a, '1/1', 'a updates')
    b.client.stop()
    await counts(b, '0/1', 'b stops')
    a.client.stop()
    await counts(a, '0/0', 'a stops')
    assert.deepEqual([...a.seen.warnings, ...b.seen.warnings], [])
  })

  test('the client announces again at the given interval', async t => {
    const fastServer = await startServer({ args: ['--interval', '1'] })
    t.after(() => fastServer.stop())
    const a = client(t, '/', {}, fastServer.tracker)
    a.client.start()
    await eventually(STEP_MS, () => a.seen.updates.length >= 4, 'four replies')
    assert.ok(a.seen.updates.every(update => update.interval === 1 && update.incomplete === 1))
  })

  test('a scrape of one swarm and of many gives every hash its counts', async t => {
    const known = [randomId(), randomId()]
    const unknown = randomId()
    const members = [
      client(t, '/scrape/a', { infoHash: known[0], left: 0 }),
      client(t, '/scrape/a', { infoHash: known[1], left: 5 }),
      client(t, '/scrape/b', { infoHash: known[1], left: 5 })
    ]
    for (const it of members) {
      it.client.start()
      await eventually(STEP_MS, () => it.counts(), 'reply')
    }
    members[0].client.scrape()
    const own = await eventually(STEP_MS, () => members[0].seen.scrapes[0], 'scrape of the own swarm')
    assert.equal(own.infoHash, known[0])
    assert.deepEqual([own.complete, own.incomplete], [1, 0])

    const one = await scrape(known[1], '/scrape/one')
    assert.deepEqual([one.complete, one.incomplete], [0, 2])

    const all = await scrape([...known, unknown], '/scrape/all')
    assert.deepEqual(Object.keys(all).sort(), [...known, unknown].sort())
    assert.deepEqual([all[known[0]].complete, all[known[0]].incomplete], [1, 0])
    assert.deepEqual([all[known[1]].complete, all[known[1]].incomplete], [0, 2])
    assert.deepEqual([all[unknown].complete, all[unknown].incomplete, all[unknown].downloaded], [0, 0, 0])
  })

  test('two clients are introduced and exchange data over WebRTC', async t => {
    const infoHash = randomId()
    const a = client(t, '/talk/a', { infoHash })
    const b = client(t, '/talk/b', { infoHash, offers: 2 })
    a.client.start()
    await eventually(STEP_MS, () => a.counts(), 'reply to a')
    b.client.start()
    const [peerOfA, peerOfB] = await eventually(STEP_MS, () => {
      const peers = [a, b].map(it => it.seen.peers[0])
      return peers.every(peer => peer?.connected) && peers
    }, 'two connected peers')
    assert.deepEqual([peerOfA.id, peerOfB.id], [b.peerId, a.peerId])

    const atB = nextEvent(STEP_MS, peerOfB, 'data')
    peerOfA.send('from a')
    assert.equal(Buffer.from(await atB).toString(), 'from a')
    const atA = nextEvent(STEP_MS, peerOfA, 'data')
    peerOfB.send('from b')
    assert.equal(Buffer.from(await atA).toString(), 'from b')
  })

  test('a destroyed client leaves its swarm when its connection closes', async t => {
    const infoHash = randomId()
    const staying = client(t, '/destroy/staying', { infoHash })
    const leaving = client(t, '/destroy/leaving', { infoHash })
    leaving.client.start()
    await counts(leaving, '0/1', 'the first')
    staying.client.start()
    await counts(staying, '0/2', 'the second')

    await within(STEP_MS, leaving.destroy(), 'destroy')
    await eventually(STEP_MS, async () => {
      const replies = staying.seen.updates.length
      staying.client.update()
      await eventually(STEP_MS, () => staying.seen.updates.length > replies, 'reply')
      return staying.counts() === '0/1'
    }, 'that the destroyed client has left')
  })

  test('one torrent leaves while the others of its connection stay', async t => {
    const [kept, left] = [client(t, '/leave'), client(t, '/leave')]
    for (const it of [kept, left]) it.client.start()
    await Promise.all([kept, left].map(it => counts(it, '0/1', 'start')))
    left.client.stop()
    await counts(left, '0/0', 'stop')
    await within(STEP_MS, left.destroy(), 'destroy')
    kept.client.update()
    await eventually(STEP_MS, () => kept.seen.updates.length === 2, 'reply to the remaining torrent')
    assert.equal(kept.counts(), '0/1')
  })

  test('a refused announce is a warning for that torrent only', async t => {
    const good = client(t, '/refused')
    const bad = client(t, '/refused', { peerId: 'abcd' })
    good.client.start()
    await counts(good, '0/1', 'the good client')
    bad.client.start()
    await eventually(STEP_MS, () => bad.seen.warnings.length, 'a warning')
    good.client.update()
    await eventually(STEP_MS, () => good.seen.updates.length === 2, 'a reply to the good client')
    assert.equal(bad.seen.updates.length, 0)
    assert.deepEqual(good.seen.warnings, [])
  })

  test('an invalid info-hash is a warning and ends neither client nor server', async t => {
    const bad = client(t, '/no-hash', { infoHash: 'abcd' })
    bad.client.start()
    await eventually(STEP_MS, () => bad.seen.warnings.length, 'a warning')
    const good = client(t, '/after-no-hash')
    good.client.start()
    await counts(good, '0/1', 'another client')
  })
})
