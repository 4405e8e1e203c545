// The numbers about connections between browsers on the dashboard: with a mock, and with a real STUN server and TURN relay.

import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { eventually, nextEvent, startServer } from '../support/index.mjs'
import { TOKEN, startMock } from './mock-tracker.mjs'
import { STEP_MS, inspect, noServer } from './support.mjs'

const { withUsers } = noServer()
const WIDE = { context: { viewport: { width: 1360, height: 1200 } } }
const PHONE = { context: { viewport: { width: 320, height: 740 }, hasTouch: true, isMobile: true, colorScheme: 'dark' } }
const PRIVATE = ['stun_works', 'ice_credentials', 'refused_turn_expired', 'refused_turn_credentials', 'refused_turn_user_allocations_max']

let mock
before(async () => { mock = await startMock({ swarms: 50 }) })
after(async () => { await mock?.stop() })

const section = page => page.getByRole('region', { name: 'Connections between browsers' })
const tile = (page, label) => section(page).locator('.tile:visible', { hasText: label })
const labels = page => section(page).locator('.tile:visible dt').allTextContents()
const reads = (page, label, pattern) => eventually(STEP_MS, async () => pattern.test(await tile(page, label).innerText()), `${label}: ${pattern}`)

async function open (page, address) {
  await page.goto(address)
  await page.locator('.fresh.live').waitFor()
}

for (const [look, user] of Object.entries({ light: WIDE, 'phone-dark': PHONE })) {
  test(`STUN, relay and credentials are shown with rate and day: ${look}`, withUsers(1, async ({ page }) => {
    await open(page, mock.page)
    await reads(page, 'STUN requests', /\d\/s\s+[\d.,]+( [kMG])? answered today/)
    await reads(page, 'Relayed', /[\d.]+ [kM]B\/s\s+\d+ allocations, [\d.]+ [MGT]B today/)
    await reads(page, 'TURN credentials', /given today; refused: [\d,]+ expired, [\d,]+ wrong or forged, [\d,]+ over the quota of a page/)
    await section(page).scrollIntoViewIfNeeded()
    await inspect(page, `dashboard-connections-${look}`)
  }, { user }))
}

test('what is off or not reachable is said, what is private is hidden', withUsers(1, async ({ page }) => {
  mock.state.unknown = new Set(['stun_works', 'turn_allocations'])
  await open(page, mock.page)
  await tile(page, 'STUN requests').getByText('The STUN server is off (ice.stun).').waitFor()
  await tile(page, 'Relayed').getByText('The TURN relay is off (ice.turn).').waitFor()
  mock.state.unknown = new Set()
  for (const name of PRIVATE) mock.state.notPublic.add(name)
  await page.reload()
  await reads(page, 'Relayed', /B\/s/)
  assert.deepEqual(await labels(page), ['STUN requests', 'Relayed'])
  mock.state.notPublic.clear()
}))

test('without a history the numbers count since the start', withUsers(1, async ({ page }) => {
  mock.state.isForgetful = true
  await open(page, mock.page)
  await reads(page, 'STUN requests', /answered since the start/)
  mock.state.isForgetful = false
}, { allow: [/Failed to load resource/] }))

test('a STUN request to a real server counts, and its relay is on', withUsers(1, async ({ page }) => {
  const server = await startServer({ args: ['--ice-turn', '--history', 'memory'], env: { SWARMHUB_ADMIN_TOKEN: TOKEN } })
  const socket = createSocket('udp4')
  try {
    const response = nextEvent(STEP_MS, socket, 'message', 'a STUN response')
    socket.send(Buffer.concat([Buffer.from('000100002112a442', 'hex'), randomBytes(12)]), server.port, '127.0.0.1')
    await response
    await open(page, `${server.page}dashboard`)
    await reads(page, 'STUN requests', /\/s\s+1 answered today/)
    await reads(page, 'Relayed', /0 B\/s\s+0 allocations, 0 B today/)
    await reads(page, 'TURN credentials', /0\s+given today; none refused/)
    // Charts may still be loading, and the console would report the end of the server.
    await page.goto('about:blank')
  } finally {
    socket.close()
    await server.stop()
  }
}))
