// Sites on the dashboard: their connections, and the site of each connection; with a mock, and with a real server.

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { WebSocket } from 'ws'
import { eventually, nextEvent, startServer } from '../support/index.mjs'
import { TOKEN, startMock } from './mock-tracker.mjs'
import { SITES } from './mock-numbers.mjs'
import { STEP_MS, inspect, noServer, overflow, saved, tabTo } from './support.mjs'

const { withUsers } = noServer()
const WIDE = { context: { viewport: { width: 1360, height: 1400 } } }
const PHONE = { context: { viewport: { width: 320, height: 740 }, hasTouch: true, isMobile: true, colorScheme: 'dark' } }

let mock
before(async () => { mock = await startMock({ swarms: 50 }) })
after(async () => { await mock?.stop() })

const sites = page => page.getByRole('region', { name: 'Sites', exact: true })
const rows = page => sites(page).locator('tbody tr')
const texts = page => rows(page).evaluateAll(rows => rows.map(row => [...row.cells].map(cell => cell.textContent)))
const heads = (page, table) => page.getByRole('region', { name: table, exact: true }).getByRole('columnheader').allTextContents()

/** Opens a view, signed in. */
async function enter (page, address, view) {
  await page.goto(address)
  await page.locator('.fresh.live').waitFor()
  await page.locator('.head-end').getByRole('button', { name: 'Sign in' }).click()
  await page.getByLabel('Admin token').fill(TOKEN)
  await page.getByRole('dialog').getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('button', { name: 'Sign out' }).waitFor()
  await page.goto(`${address}#/${view}`)
}

for (const [look, user] of Object.entries({ light: WIDE, 'phone-dark': PHONE })) {
  test(`sites are listed with their connections, those without a site too: ${look}`, withUsers(1, async ({ page }) => {
    await enter(page, mock.page, 'clients')
    await rows(page).first().waitFor()
    assert.deepEqual(await texts(page), [
      ['Berlin', '3', '31,204'], ['no site', '–', '4,310'], ['Köln, Süd', '1', '812'], ['Paris', '0', '7'], ['Oslo', '2', '0']
    ])
    assert.equal(await overflow(page), 0)
    await sites(page).scrollIntoViewIfNeeded()
    await inspect(page, `dashboard-sites-${look}`)
  }, { user }))
}

test('sites are sorted with the keyboard, filtered and saved', withUsers(1, async ({ page }) => {
  await enter(page, mock.page, 'clients')
  await rows(page).first().waitFor()
  await page.getByLabel('Find a site').focus()
  await tabTo(page, 'Site')
  await page.keyboard.press('Enter')
  assert.deepEqual((await texts(page)).map(([site]) => site), ['Berlin', 'Köln, Süd', 'Oslo', 'Paris', 'no site'])
  const { bytes } = await saved(page, page.getByRole('button', { name: 'Save Sites as CSV' }))
  assert.match(bytes.toString(), /^"?Site"?,"?Networks"?,"?Connections"?\r?\n/)
  assert.match(bytes.toString(), /"Köln, Süd",1,812/)
  await page.getByLabel('Find a site').fill('no site')
  await eventually(STEP_MS, async () => (await texts(page)).length === 1, 'one row')
}, { user: WIDE }))

test('without the setting nothing about sites is shown', withUsers(1, async ({ page }) => {
  mock.state.sites = null
  await enter(page, mock.page, 'clients')
  await page.getByRole('cell', { name: 'https://video.example' }).waitFor()
  await eventually(STEP_MS, () => mock.state.asked.includes('GET sites'), 'the request')
  assert.ok(await page.getByRole('heading', { name: 'Sites', exact: true }).isHidden())
  await page.goto(`${mock.page}#/swarms/${mock.state.swarms[3].info_hash}`)
  await page.getByRole('button', { name: /^Close the connection of / }).first().waitFor()
  assert.ok(!(await heads(page, 'Peers')).includes('Site'))
  mock.state.sites = structuredClone(SITES)
}, { user: WIDE }))

test('more sites than are listed are mentioned', withUsers(1, async ({ page }) => {
  mock.state.sitesTotal = 2000
  await enter(page, mock.page, 'clients')
  await page.getByText('The 4 sites with the most connections, of 2,000.').waitFor()
  mock.state.sitesTotal = null
}, { user: WIDE }))

test('the site of a connection is shown in its swarm and where it misbehaves', withUsers(1, async ({ page }) => {
  await enter(page, mock.page, `swarms/${mock.state.swarms[3].info_hash}`)
  await page.getByRole('cell', { name: 'Köln, Süd' }).first().waitFor()
  assert.ok((await heads(page, 'Peers')).includes('Site'))
  await inspect(page, 'dashboard-sites-swarm')
  await page.goto(`${mock.page}#/limits`)
  await page.getByRole('button', { name: 'Close the connection of 203.0.113.0/24' }).waitFor()
  assert.ok(!(await heads(page, 'Misbehaving connections')).includes('Site'))
  mock.state.hostile[0].site = 'Paris'
  await page.getByRole('region', { name: 'Misbehaving connections' }).getByRole('cell', { name: 'Paris' }).waitFor()
  assert.ok((await heads(page, 'Misbehaving connections')).includes('Site'))
  mock.state.hostile[0].site = null
}, { user: WIDE }))

test('a real server shows the sites of its file', withUsers(1, async ({ page }) => {
  const folder = await mkdtemp(join(tmpdir(), 'swarmhub-sites-'))
  const groups = join(folder, 'groups.csv')
  await writeFile(groups, 'network,site\n127.0.0.0/8,Berlin\n192.0.2.0/24,Oslo\n')
  const server = await startServer({ args: ['--tracker-groups', groups, '--history', 'memory'], env: { SWARMHUB_ADMIN_TOKEN: TOKEN } })
  try {
    const client = new WebSocket(server.tracker)
    await nextEvent(STEP_MS, client, 'open', 'a WebSocket')
    await enter(page, `${server.page}dashboard`, 'clients')
    await rows(page).first().waitFor()
    assert.deepEqual(await texts(page), [['Berlin', '1', '1'], ['Oslo', '1', '0'], ['no site', '–', '0']])
    client.terminate()
  } finally {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
}, { user: WIDE }))
