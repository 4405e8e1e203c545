// Alerts with a real Alertmanager: it accepts pushed alerts, drops resolved ones, and sends the same webhooks.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { request } from 'node:http'
import { test } from 'node:test'
import { eventually, startServer, within } from '../support/index.mjs'
import { startAlertmanager, startReceiver, skipReason } from './alertmanager.mjs'

const STEP_MS = 30_000
const TOKEN = '0123456789abcdef0123456789abcdef'
const SECRET = 'fedcba9876543210'
const skip = skipReason()

/** Returns the nested keys and types of a value; of a list those of its first entry. */
function shape (value) {
  if (Array.isArray(value)) return value.slice(0, 1).map(shape)
  if (value === null || typeof value !== 'object') return typeof value
  return Object.fromEntries(Object.keys(value).sort().map(key => [key, shape(value[key])]))
}

/** Opens a WebSocket that sends nothing. */
const connect = page => within(STEP_MS, new Promise((resolve, reject) => {
  const headers = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' }
  request(page, { headers }).on('upgrade', (response, socket) => resolve(socket)).on('error', reject).end()
}), 'a WebSocket')

test('an alert is pushed, resolved, and sent to webhooks as Alertmanager does', { skip }, async t => {
  const [ours, theirs] = [await startReceiver(), await startReceiver()]
  t.after(() => Promise.all([ours.stop(), theirs.stop()]))
  const manager = await startAlertmanager(theirs.url)
  t.after(() => manager.stop())
  const server = await startServer({
    args: ['--alerts-alertmanager', manager.url, '--alerts-webhook', ours.url, '--alerts-private-addresses'],
    env: { SWARMHUB_ADMIN_TOKEN: TOKEN, SWARMHUB_ALERTS_WEBHOOK_SECRET: SECRET }
  })
  t.after(() => server.stop())
  const rule = { series: 'connections', comparison: '>', threshold: 0, for: 0, doc: 'Somebody is here.', severity: 'critical' }
  const put = await fetch(new URL('/api/v1/alerts/rules/somebody', server.page), {
    method: 'PUT', headers: { authorization: `Bearer ${TOKEN}` }, body: JSON.stringify(rule)
  })
  assert.equal(put.status, 200, await put.text())

  const socket = await connect(server.page)
  const shown = await eventually(STEP_MS, () => manager.alert('somebody'), () => `the alert\n${manager.log()}\n${server.stderr()}`)
  assert.equal(shown.status.state, 'active')
  assert.equal(shown.labels.severity, 'critical')
  assert.equal(shown.annotations.description, 'Somebody is here.')
  // The alert expires after minutes unless it is renewed.
  const lifetime = Date.parse(shown.endsAt) - Date.now()
  assert.ok(lifetime > 60_000 && lifetime < 300_000, `${lifetime}`)

  const notified = (receiver, status) => eventually(STEP_MS, () => receiver.requests.find(({ body }) => body.status === status), () => `${status}\n${manager.log()}`)
  for (const status of ['firing', 'resolved']) {
    if (status === 'resolved') socket.destroy()
    const [own, real] = [await notified(ours, status), await notified(theirs, status)]
    assert.deepEqual(shape({ ...own.body }), shape(real.body), status)
    for (const key of ['version', 'status', 'groupLabels', 'commonLabels', 'groupKey', 'truncatedAlerts']) {
      assert.deepEqual(own.body[key], real.body[key], key)
    }
    const [alert, realAlert] = [own.body.alerts[0], real.body.alerts[0]]
    for (const key of ['status', 'labels', 'fingerprint', 'startsAt']) assert.deepEqual(alert[key], realAlert[key], key)
    if (status === 'firing') assert.equal(alert.endsAt, realAlert.endsAt)
    assert.match(own.headers['user-agent'], /^swarmhub\//)
    const [, time, tag] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(own.headers['x-swarmhub-signature'])
    assert.equal(tag, createHmac('sha256', SECRET).update(`${time}.${own.text}`).digest('hex'))
  }
  assert.equal(shown.fingerprint, ours.requests[0].body.alerts[0].fingerprint)
  await eventually(STEP_MS, async () => !(await manager.alert('somebody')), 'that Alertmanager drops it')
})
