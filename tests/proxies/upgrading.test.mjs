// Two servers behind a proxy as docs/upgrading.md sets it up, of which one is told to leave: no visitor is refused.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { eventually, startServer } from '../support/index.mjs'
import { missing, startHaproxyBeforeTwo, startNginxBeforeTwo } from './proxy.mjs'
import { visitPlainly } from './visitor.mjs'

const STEP_MS = 20_000
const VISIT_EVERY_MS = 50
const EARLY_VISITORS = 10
/** HAProxy sees after two checks, 2 s apart, that a server is not ready; and a second more. */
const ARGS = ['--drain-quiet', '5', '--drain-spread', '1']
/** Who is refused by one server is sent on by these lines. */
const RETRIES = ['    option redispatch 1\n', '    retry-on conn-failure empty-response 503\n']

/** Comes when both servers get visitors, and goes when the one that was told to leave has ended. */
async function upgrade (start, check) {
  const [old, next] = [await startServer({ args: ARGS }), await startServer({ args: ARGS })]
  let proxy
  const guests = []
  try {
    proxy = await start([old.port, next.port])
    for (let i = 0; i < EARLY_VISITORS; i++) {
      const { visitor, status } = await visitPlainly(proxy.port)
      assert.equal(status, 101)
      guests.push(visitor)
    }
    process.kill(old.pid, 'SIGTERM')
    await eventually(STEP_MS, () => old.stderr().includes('draining'), 'the first server leaves')
    const statuses = []
    while (isRunning(old.pid)) {
      const { visitor, status } = await visitPlainly(proxy.port)
      statuses.push(status)
      if (visitor) guests.push(visitor)
      await new Promise(resolve => setTimeout(resolve, VISIT_EVERY_MS))
    }
    await check({ statuses, early: guests.slice(0, EARLY_VISITORS), late: guests.slice(EARLY_VISITORS) })
  } finally {
    for (const guest of guests) guest.end()
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

/** Of the early visitors those of the old server were closed; everybody else is served by the new one. */
async function checkNobodyIsRefused ({ statuses, early, late }) {
  assert.ok(statuses.length > 30, `${statuses.length} visitors came`)
  assert.deepEqual(statuses.filter(status => status !== 101), [])
  await eventually(STEP_MS, () => early.some(guest => guest.socket.readableEnded), 'those of the old server are closed')
  assert.ok(early.some(guest => !guest.socket.readableEnded), 'those of the new server are not')
  for (const guest of late) {
    const { interval } = await guest.join('swarm', 'late')
    assert.ok(interval > 0)
  }
}

describe('an upgrade behind nginx', { skip: missing('nginx') }, () => {
  test('nginx sends on whom the old server refuses', () => upgrade(startNginxBeforeTwo, checkNobodyIsRefused))
})

describe('an upgrade behind haproxy', { skip: missing('haproxy') }, () => {
  test('haproxy sends on whom the old server refuses', () => upgrade(startHaproxyBeforeTwo, checkNobodyIsRefused))

  test('without the lines about retries haproxy passes refusals on', () =>
    upgrade(ports => startHaproxyBeforeTwo(ports, RETRIES.map(line => [line, ''])), ({ statuses }) => {
      assert.ok(statuses.includes(503), 'somebody is refused')
      assert.equal(statuses.at(-1), 101, 'until haproxy has seen that the server leaves')
    }))
})
