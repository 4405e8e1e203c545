// The reference client (npm bittorrent-tracker) reconnects by itself after the server has ended. It is a separate file
// because it replaces Math.random for the whole process.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { eventually, randomId, startServer, within } from '../support/index.mjs'
import { newClient } from './reference.mjs'

const STEP_MS = 20_000

// The client waits 10 s plus a random time of up to 5 min. Here the torrents reconnect 1.5 s apart: the client drops a
// torrent for good if another is just opening the shared connection.
let calls = 0
Math.random = () => 0.005 * (calls++ % 8)

// In parallel, since most of the time is spent waiting for the client.
describe('after the server has ended', { concurrency: 2 }, () => {
  for (const end of ['stop', 'kill']) {
    test(`swarms are complete again after ${end} and start on the same port`, async t => {
      let server = await startServer()
      t.after(() => server.stop())
      const infoHash = randomId()
      const clients = [['/a', infoHash], ['/b', infoHash], ['/b', randomId()]].map(([path, infoHash]) =>
        newClient(new URL(path, server.tracker).href, { infoHash }))
      t.after(() => within(STEP_MS, Promise.all(clients.map(it => it.destroy())), 'destroy'))
      const [a, b, other] = clients
      for (const { client } of clients) client.start()
      await eventually(STEP_MS, () => clients.every(it => it.counts()), 'replies before')

      await server[end]()
      for (const it of clients) it.seen.updates.length = 0
      server = await startServer({ port: server.port })
      await eventually(60_000, () => clients.every(it => it.counts()), 'replies after')
      for (const it of [a, b]) it.client.update()
      await eventually(STEP_MS, () => [a, b].every(it => it.counts() === '0/2') && other.counts() === '0/1', 'full swarms')
      assert.deepEqual(clients.flatMap(it => it.seen.warnings), [])
    })
  }
})
