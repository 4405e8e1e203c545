// The reference client (npm bittorrent-tracker) comes back by itself after the server went away. A file of its
// own, because it replaces Math.random for the whole process.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { eventually, randomId, startServer, within } from '../support/index.mjs'
import { newClient } from './reference.mjs'

const STEP_MS = 20_000

// The client waits 10 s and a random time of up to 5 min more. Here the torrents come back 1.5 s apart: one that
// finds the shared connection just being opened by another is forgotten by the client for good.
let calls = 0
Math.random = () => 0.005 * (calls++ % 8)

// Side by side, since most of the time is the client's wait.
describe('after the server went away', { concurrency: 2 }, () => {
  for (const end of ['stop', 'kill']) {
    test(`swarms are whole again after ${end} and start on the same port`, async t => {
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
