// A link made on localhost works on that machine only: the page says so and offers a link for others if possible.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../support/index.mjs'
import { STEP_MS, inMemory, inspect, notice, overflow, share, stage } from './support.mjs'

const { here, withUsers } = stage()
const LOCAL = 'This link works on this machine only'
const LOOKS = { light: {}, 'phone-dark': { viewport: { width: 320, height: 640 }, isMobile: true, colorScheme: 'dark' } }

for (const [look, context] of Object.entries(LOOKS)) {
  test(`a local link is marked, with a link for other machines: ${look}`, withUsers(1, async ({ page, context }) => {
    await page.route('**/ice', route => route.fulfill({ json: { iceServers: [], pages: ['https://192.0.2.7:8443/', 'https://[2001:db8::7]:8443/'] } }))
    const link = await share(page, here.server.page, inMemory('near.txt', 'near'))
    await notice(page, LOCAL).waitFor()
    const others = page.getByLabel('Link for other machines')
    const hash = new URL(link).hash
    assert.deepEqual(await others.evaluateAll(fields => fields.map(({ value }) => value)), [`https://192.0.2.7:8443/${hash}`, `https://[2001:db8::7]:8443/${hash}`])
    await page.getByText('It opens 192.0.2.7:8443').waitFor()
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await page.getByRole('button', { name: 'Copy 192.0.2.7:8443' }).click()
    await eventually(STEP_MS, async () => await page.evaluate(() => navigator.clipboard.readText()) === `https://192.0.2.7:8443/${hash}`, 'the copied link')
    assert.equal(await overflow(page), 0)
    await inspect(page, `sharing-local-${look}`)
  }, { user: { context } }))
}

test('if others need https first, the page explains how', withUsers(1, async ({ page }) => {
  const told = page.waitForResponse('**/ice').then(response => response.json())
  await share(page, here.server.page, inMemory('near.txt', 'near'))
  await notice(page, LOCAL).getByText('--tls-self-signed').waitFor()
  await page.getByRole('img', { name: 'QR code' }).waitFor({ state: 'hidden' })
  // The server under test listens on loopback only.
  assert.deepEqual((await told).pages, [])
  await inspect(page, 'sharing-local-only')
}))
