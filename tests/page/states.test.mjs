// The states of the page, one by one: accessibility, keyboard, narrow and dark screens, and screenshots of each in
// target/screenshots/.

import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually, pattern } from '../support/index.mjs'
import { STEP_MS, download, downloadButton, inMemory, inspect, inspectBoth, linkOf, open, overflow, row, saveAllButton, share, slowDown, stage } from './support.mjs'

const { here, withUsers } = stage()
const PHONE = { viewport: { width: 320, height: 640 }, hasTouch: true, isMobile: true }
const DARK = { colorScheme: 'dark' }
const SCREENS = [{ context: {}, looks: ['light', 'dark'] }, { context: PHONE, looks: ['phone', 'phone-dark'] }]
const FILES = () => [
  inMemory('Holiday at the sea.webm', pattern(4_000_000, 30)), inMemory('packing list.txt', 'towels\nsun cream\n'),
  inMemory('a-very-long-file-name-without-any-space-that-has-to-break-somewhere-on-a-small-screen.tar.gz', pattern(1_200_000, 31))
]

for (const { context, looks } of SCREENS) {
  test(`every state is accessible: ${looks.join(' and ')}`, withUsers(3, async (alice, bob, carol) => {
    const see = async (user, state) => {
      assert.equal(await overflow(user.page), 0, `"${state}" is wider than the screen`)
      await inspectBoth(user.page, state, looks)
    }
    await alice.page.goto(here.server.page)
    await alice.page.getByRole('button', { name: 'Choose files' }).waitFor()
    await see(alice, 'start')

    const link = await share(alice.page, here.server.page, FILES())
    await see(alice, 'sharing')
    await open(bob.page, link)
    await see(bob, 'before-download')

    await slowDown(alice.page)
    await open(carol.page, link)
    for (const { page } of [bob, carol]) await downloadButton(page).click()
    await eventually(STEP_MS, async () => await progress(bob.page) > 0.1, 'a tenth of the download')
    await see(bob, 'downloading')
    await row(alice.page, 'Receiver 2').waitFor()
    await see(alice, 'sharing-with-receivers')
    await slowDown(alice.page, false)
    await saveAllButton(bob.page).waitFor()
    await see(bob, 'done')
  }, { user: { context } }))
}

test('reading big files shows its progress and can be cancelled', withUsers(1, async ({ page }) => {
  const path = join(here.folder, 'big.iso')
  await writeFile(path, Buffer.alloc(60_000_000, 7))
  await page.goto(here.server.page)
  await page.getByRole('button', { name: 'Choose files' }).waitFor()
  await page.locator('input[type=file]').first().setInputFiles(path)
  await page.getByRole('heading', { level: 1, name: 'Preparing big.iso' }).waitFor()
  await eventually(STEP_MS, async () => await progress(page) > 0, 'progress of the hashing')
  await inspect(page, 'hashing')
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('heading', { level: 1, name: /Share files/ }).waitFor()
}, { init: () => {
  // Slow enough to observe the state.
  const digest = SubtleCrypto.prototype.digest
  SubtleCrypto.prototype.digest = async function (...args) {
    await new Promise(resolve => setTimeout(resolve, 10))
    return digest.apply(this, args)
  }
  window.confirm = () => true
} }))

test('everything works with the keyboard, and the focus follows', withUsers(2, async (alice, bob) => {
  await alice.page.goto(here.server.page)
  await alice.page.getByRole('button', { name: 'Choose files' }).waitFor()
  // Before the key press, since the listener needs a moment.
  const chooser = alice.page.waitForEvent('filechooser')
  await tabTo(alice.page, 'Choose files')
  await alice.page.keyboard.press('Enter')
  await (await chooser).setFiles(inMemory('keys.txt', 'typed'))
  const link = await linkOf(alice.page)
  assert.equal(await focused(alice.page), 'Sharing keys.txt')
  await alice.context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await tabTo(alice.page, 'Copy link')
  await alice.page.keyboard.press('Enter')
  await alice.page.getByText('Link copied').waitFor()
  assert.equal(await alice.page.evaluate(() => navigator.clipboard.readText()), link)

  await bob.page.goto(link)
  await downloadButton(bob.page).waitFor()
  await tabTo(bob.page, 'Download')
  await bob.page.keyboard.press('Enter')
  await saveAllButton(bob.page).waitFor()
  await tabTo(bob.page, 'Open keys.txt')
  await bob.page.keyboard.press('Enter')
  await bob.page.getByLabel('Text of the file').getByText('typed').waitFor()
  assert.equal(await focused(bob.page), 'keys.txt')
}))

test('the live region announces milestones only', withUsers(2, async (alice, bob) => {
  const link = await share(alice.page, here.server.page, inMemory('quiet.bin', pattern(4_000_000, 32)))
  await open(bob.page, link)
  await bob.page.evaluate(() => {
    window.said = []
    const live = document.querySelector('swarm-share').shadowRoot.querySelector('[data-live]')
    new MutationObserver(() => window.said.push(live.textContent)).observe(live, { childList: true, characterData: true, subtree: true })
  })
  await download(bob.page)
  const said = await eventually(STEP_MS, () => bob.page.evaluate(() => window.said.includes('Download complete.') && window.said), 'the last word')
  assert.ok(said.length <= 5, said.join(' | '))
  assert.equal(said[0], 'Download started.')
}))

test('the QR code is dark on light in both colour schemes', withUsers(1, async ({ page }) => {
  // A link for other machines: local links have no QR code.
  await page.route('**/ice', route => route.fulfill({ json: { iceServers: [], pages: ['https://192.0.2.7:8443/'] } }))
  await share(page, here.server.page, inMemory('code.txt', 'x'))
  const picture = page.getByRole('img', { name: 'QR code of the link' })
  const [ground, ink, path] = await picture.evaluate(svg => [getComputedStyle(svg.parentElement).backgroundColor, getComputedStyle(svg.querySelector('path')).fill, svg.querySelector('path').getAttribute('d')])
  assert.deepEqual([ground, ink], ['rgb(255, 255, 255)', 'rgb(0, 0, 0)'])
  assert.match(path, /^M0 0h1v1h-1z/)
}, { user: { context: DARK } }))

const progress = page => page.getByRole('progressbar', { name: 'Progress of all files' }).evaluate(bar => bar.value)
const focused = page => page.evaluate(() => document.querySelector('swarm-share').shadowRoot.activeElement?.textContent)

/** Presses Tab until the control with this name has the focus. @param {import('playwright-core').Page} page @param {string} name */
async function tabTo (page, name) {
  for (let i = 0; i < 30; i++) {
    await page.keyboard.press('Tab')
    const at = await page.evaluate(() => {
      const element = document.querySelector('swarm-share').shadowRoot.activeElement
      return element && (element.getAttribute('aria-label') ?? element.textContent)
    })
    if (at === name) return
  }
  assert.fail(`"${name}" is not reached with the Tab key`)
}
