// Introductions on the dashboard, with a mock: key numbers, charts, and what happened in one swarm.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { eventually } from '../support/index.mjs'
import { TOKEN, startMock } from './mock-tracker.mjs'
import { STEP_MS, inspect, noServer, overflow } from './support.mjs'

const { withUsers } = noServer()
const WIDE = { context: { viewport: { width: 1360, height: 1200 } } }
const WIDE_DARK = { context: { ...WIDE.context, colorScheme: 'dark' } }
const PHONE = { context: { viewport: { width: 320, height: 740 }, hasTouch: true, isMobile: true, colorScheme: 'dark' } }
const LOOKS = { light: WIDE, dark: WIDE_DARK, 'phone-dark': PHONE }
const CHARTS = ['Introductions', 'Offers per introduction', 'Members alone', 'Choice of receivers']

let mock
before(async () => { mock = await startMock({ swarms: 50 }) })
after(async () => { await mock?.stop() })

const section = page => page.getByRole('region', { name: 'Introductions', exact: true })
const labels = page => section(page).locator('.tile:visible dt').allTextContents()
const titles = page => page.locator('.chart:visible h3').allTextContents()

async function open (page) {
  await page.goto(mock.page)
  await page.locator('.fresh.live').waitFor()
}

const rows = (page, name) => page.getByRole('region', { name, exact: true }).locator('tbody tr')

async function openSwarm (page) {
  await page.locator('.head-end').getByRole('button', { name: 'Sign in' }).click()
  await page.getByLabel('Admin token').fill(TOKEN)
  await page.getByRole('dialog').getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('navigation').getByRole('link', { name: 'Swarms', exact: true }).click()
  await rows(page, 'Swarms').first().getByRole('link').click()
  await rows(page, 'Peers').first().waitFor()
}

for (const [look, user] of Object.entries(LOOKS)) {
  test(`introductions have key numbers and charts: ${look}`, withUsers(1, async ({ page }) => {
    await open(page)
    const reads = (label, pattern) => eventually(STEP_MS, async () => pattern.test(await section(page).locator('.tile:visible', { hasText: label }).innerText()), `${label}: ${pattern}`)
    await reads('First answer within 3 s', /9\d(\.\d)? %\s+of the members/)
    await reads('Offers per introduction', /2(\.\d)?\s+that was answered/)
    await reads('Failed to connect', /\d(\.\d)? %\s+estimated/)
    await reads('Members alone', /[\d,]+\s+no answered introduction yet/)
    await eventually(STEP_MS, async () => { const shown = await titles(page); return CHARTS.every(title => shown.includes(title)) }, 'the charts')
    await section(page).scrollIntoViewIfNeeded()
    await inspect(page, `dashboard-introductions-${look}`)
  }, { user }))

  test(`a swarm says what happened and who is alone: ${look}`, withUsers(1, async ({ page }) => {
    await open(page)
    await openSwarm(page)
    const peers = rows(page, 'Introductions by peer')
    // Those without an answer come first.
    await peers.first().getByText(/^It (does not answer offers; perhaps its page is asleep|has only just connected)\.$/).waitFor()
    assert.equal(await overflow(page), 0)
    const introductions = rows(page, 'Introductions')
    for (const text of [/^never answered$/, /^not answered yet$/, /both peers offered at once/, /an earlier answer did not connect them/]) await introductions.getByText(text).first().waitFor()
    await inspect(page, `dashboard-swarm-introductions-${look}`)
  }, { user }))
}

test('at random, or withheld, there are no numbers about introductions', withUsers(1, async ({ page }) => {
  mock.state.unknown = new Set(['members_alone'])
  await open(page)
  await page.locator('.chart:visible h3').first().waitFor()
  await section(page).waitFor({ state: 'hidden' })
  await eventually(STEP_MS, async () => { const shown = await titles(page); return !CHARTS.some(title => shown.includes(title)) }, 'no charts')
  mock.state.unknown = new Set()
  for (const name of ['joins_answered_fast', 'introductions_failed']) mock.state.notPublic.add(name)
  await page.reload()
  await section(page).waitFor()
  assert.deepEqual(await labels(page), ['Useful offers answered', 'Offers per introduction', 'Members alone'])
  mock.state.notPublic.clear()
}))
