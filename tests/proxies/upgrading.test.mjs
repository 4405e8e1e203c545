// Two servers behind a proxy as in docs/upgrading.md, of which one drains: no client is refused.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { eventually, startServer } from '../support/index.mjs'
import { skipReason, startHaproxyBeforeTwo, startNginxBeforeTwo } from './proxy.mjs'
import { connectWithoutTls } from './websocket-client.mjs'

const STEP_MS = 20_000
const CONNECT_EVERY_MS = 50
const EARLY_CLIENTS = 10
/** HAProxy needs two checks, 2 s apart, to see that a server is not ready; plus one second. */
const ARGS = ['--drain-quiet', '5', '--drain-spread', '1']
/** With these lines a client refused by one server is sent to the other. */
const RETRIES = ['    option redispatch 1\n', '    retry-on conn-failure empty-response 503\n']

/** Sends clients to both servers from before one drains until it has ended. */
async function upgrade (start, check) {
  const [old, next] = [await startServer({ args: ARGS }), await startServer({ args: ARGS })]
  let proxy
  const clients = []
  try {
    proxy = await start([old.port, next.port])
    for (let i = 0; i < EARLY_CLIENTS; i++) {
      const { client, status } = await connectWithoutTls(proxy.port)
      assert.equal(status, 101)
      clients.push(client)
    }
    process.kill(old.pid, 'SIGTERM')
    await eventually(STEP_MS, () => old.stderr().includes('draining'), 'the first server to drain')
    const statuses = []
    while (isRunning(old.pid)) {
      const { client, status } = await connectWithoutTls(proxy.port)
      statuses.push(status)
      if (client) clients.push(client)
      await new Promise(resolve => setTimeout(resolve, CONNECT_EVERY_MS))
    }
    await check({ statuses, early: clients.slice(0, EARLY_CLIENTS), late: clients.slice(EARLY_CLIENTS) })
  } finally {
    for (const client of clients) client.end()
    await proxy?.stop()
    for (const server of [old, next]) await server.kill()
  }
}

function isRunning (pid) {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Early clients of the old server are closed; all others are served by the new one. */
async function checkNoRefusals ({ statuses, early, late }) {
  assert.ok(statuses.length > 30, `${statuses.length} clients connected`)
  assert.deepEqual(statuses.filter(status => status !== 101), [])
  await eventually(STEP_MS, () => early.some(client => client.socket.readableEnded), 'connections of the old server to close')
  assert.ok(early.some(client => !client.socket.readableEnded), 'connections of the new server stay open')
  for (const client of late) {
    const { interval } = await client.join('swarm', 'late')
    assert.ok(interval > 0)
  }
}

describe('an upgrade behind nginx', { skip: skipReason('nginx') }, () => {
  test('nginx retries refused clients at the other server', () => upgrade(startNginxBeforeTwo, checkNoRefusals))
})

describe('an upgrade behind haproxy', { skip: skipReason('haproxy') }, () => {
  test('haproxy retries refused clients at the other server', () => upgrade(startHaproxyBeforeTwo, checkNoRefusals))

  test('without the retry lines haproxy forwards refusals', () =>
    upgrade(ports => startHaproxyBeforeTwo(ports, RETRIES.map(line => [line, ''])), ({ statuses }) => {
      assert.ok(statuses.includes(503), 'a client is refused')
      assert.equal(statuses.at(-1), 101, 'until haproxy has detected that the server drains')
    }))
})
