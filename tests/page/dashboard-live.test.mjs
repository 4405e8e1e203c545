// The dashboard on a real tracker under `swarmhub load`: live numbers, tables, settings, and a server restart with its
// history.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { binary, eventually, startServer } from '../support/index.mjs'
import { STEP_MS, inspect, noServer, notice } from './support.mjs'

const { withUsers } = noServer()
const TOKEN = 'correct-horse-battery-staple'
const WIDE = { context: { viewport: { width: 1360, height: 2300 } } }
const FAILED_LOAD = /Failed to load resource/

let folder, server, load
const start = port => startServer({ port, args: ['--no-limits', '--history', join(folder, 'history.sqlite')], env: { SWARMHUB_ADMIN_TOKEN: TOKEN } })
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swarmhub-dashboard-'))
  server = await start(0)
  load = startLoad(server.tracker)
})
after(async () => {
  load?.kill('SIGKILL')
  await server?.stop()
  if (folder) await rm(folder, { recursive: true, force: true })
})

/** Three hundred clients in some swarms, for longer than the tests run. */
const startLoad = url => spawn(binary, ['load', url, '--connections', '300', '--rate', '100', '--duration', '600', '--swarm-size', 'zipf:40', '--scrapes', '0.05'], { stdio: 'ignore' })

const tile = (page, name) => page.locator('.tile', { hasText: name }).locator('dd > :first-child').innerText()
const number = async (page, name) => Number((await tile(page, name)).replace(/[^\d.]/g, ''))
const rows = (page, name) => page.getByRole('region', { name, exact: true }).locator('tbody tr')

async function signIn (page) {
  await page.locator('.head-end').getByRole('button', { name: 'Sign in' }).click()
  await page.getByLabel('Admin token').fill(TOKEN)
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Sign out' }).waitFor()
}

const enter = async (page, view) => {
  await page.getByRole('navigation').getByRole('link', { name: view, exact: true }).click()
  await page.getByRole('heading', { level: 1, name: view, exact: true }).waitFor()
}

test('the public page shows the load, and the history grows', withUsers(1, async ({ page }) => {
  await page.goto(`${server.page}dashboard`)
  await page.locator('.fresh.live').waitFor()
  await eventually(STEP_MS, async () => await number(page, 'Connections') >= 300 && await number(page, 'Announces') > 10 && await number(page, 'Swarms') > 5, 'the load on the page')
  await page.locator('.u-over').first().waitFor()
  await page.getByRole('radio', { name: 'the last hour' }).check({ force: true })
  await eventually(STEP_MS, async () => /now \d/.test(await page.getByRole('group', { name: /^Connections, the last hour/ }).getAttribute('aria-label')), 'connections in the history')
  await page.getByRole('radio', { name: 'the last 5 minutes' }).check({ force: true })
  await eventually(STEP_MS, async () => /now \d.*\/s/.test(await page.getByRole('group', { name: /^Announces/ }).getAttribute('aria-label')), 'a line of announces')
  await inspect(page, 'dashboard-real-overview')
  await enter(page, 'Clients')
  await rows(page, 'Programs').first().waitFor()
  await enter(page, 'Limits')
  await page.getByLabel('Also show limits that were not hit').check()
  await rows(page, 'Limits that were hit').first().waitFor()
}, { user: WIDE }))

test('signed in, swarms show peers and introductions', withUsers(1, async ({ page }) => {
  await page.goto(`${server.page}dashboard`)
  await signIn(page)
  await enter(page, 'Swarms')
  await rows(page, 'Swarms').first().waitFor()
  const counts = await rows(page, 'Swarms').locator('td:nth-child(2)').allTextContents()
  assert.ok(Number(counts[0]) >= Number(counts.at(-1)) && counts.length > 5, counts.join())
  await rows(page, 'Swarms').first().getByRole('link').click()
  await rows(page, 'Peers').first().waitFor()
  await page.locator('.arrow.answered').first().waitFor()
  await rows(page, 'Introductions').first().waitFor()
  await inspect(page, 'dashboard-real-swarm')
  await page.getByRole('button', { name: /^Close the connection/ }).first().click()
  await page.getByRole('dialog').getByRole('button', { name: 'Close connection' }).click()
  await page.getByText(/^The connection of .* is closed\.$/).waitFor()
}, { user: WIDE }))

test('settings are changed, refused and undone, and the audit log shows it', withUsers(1, async ({ page }) => {
  await page.goto(`${server.page}dashboard`)
  await signIn(page)
  await enter(page, 'Settings')
  const field = page.getByLabel('limits.swarms_max', { exact: true })
  await field.fill('0')
  await page.getByRole('button', { name: 'Save changes' }).click()
  await page.locator('.field-error:visible', { hasText: '0 is out of range: it may be from 1 to 1,000,000,000.' }).waitFor()
  // An error that only the server can detect.
  await page.getByLabel('tracker.interval_min', { exact: true }).fill('1 h')
  await field.fill('900000')
  await page.getByRole('button', { name: 'Save changes' }).click()
  await page.locator('.field-error:visible', { hasText: 'tracker.interval_min' }).first().waitFor()
  await page.getByLabel('tracker.interval_min', { exact: true }).fill('45 s')
  await field.fill('900000')
  await page.getByRole('button', { name: 'Save changes' }).click()
  await page.getByText('Changed: limits.swarms_max:').waitFor()
  await inspect(page, 'dashboard-real-settings')
  await page.getByRole('button', { name: 'Undo the last change' }).click()
  await page.getByText('The last change is undone').waitFor()
  assert.equal(await field.inputValue(), '1,000,000')
  await enter(page, 'Alerts')
  await rows(page, 'Rules').first().waitFor()
  await inspect(page, 'dashboard-real-alerts')
  await enter(page, 'Audit')
  await page.getByText(/limits\.swarms_max.*900/).first().waitFor()
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.locator('.head-end').getByRole('button', { name: 'Sign in' }).click()
  await page.getByLabel('Admin token').fill('wrong-token-wrong-token')
  await page.keyboard.press('Enter')
  await page.getByText('This is not the admin token').waitFor()
}, { user: WIDE, allow: [FAILED_LOAD] }))

test('a server restart is shown, and the history continues', withUsers(1, async ({ page }) => {
  await page.goto(`${server.page}dashboard`)
  await page.locator('.fresh.live').waitFor()
  const { port } = server
  await server.stop()
  await notice(page, 'The tracker does not answer').waitFor()
  server = await start(port)
  await page.locator('.fresh.live').waitFor()
  await notice(page, 'The tracker does not answer').waitFor({ state: 'detached' })
  await page.getByRole('radio', { name: 'the last hour' }).check({ force: true })
  // The values from before the restart.
  await eventually(STEP_MS, async () => /highest 3\d\d/.test(await page.getByRole('group', { name: /^Connections, the last hour/ }).getAttribute('aria-label')), 'the connections before the restart')
}, { user: WIDE, allow: [FAILED_LOAD] }))
