// What the user pastes: files are shared, links are opened, and another text is shared from a form.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually, randomId } from '../support/index.mjs'
import { STEP_MS, download, inMemory, inspect, linkOf, notice, open, row, share, stage } from './support.mjs'

const { here, withUsers } = stage()
const TEXT = 'Grüße\n<b>bold</b>'

/** Pastes into the focused element as the browser does. Returns whether the page took it. @param {import('playwright-core').Page} page */
const paste = (page, { text = '', files = [] }) => page.evaluate(({ text, files }) => {
  let target = document.activeElement ?? document.body
  while (target.shadowRoot?.activeElement) target = target.shadowRoot.activeElement
  const clipboardData = new DataTransfer()
  if (text) clipboardData.setData('text/plain', text)
  for (const name of files) clipboardData.items.add(new File(['pasted'], name))
  return !target.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true, composed: true }))
}, { text, files })

const start = async page => {
  await page.goto(here.server.page)
  await page.getByRole('button', { name: 'Choose files' }).waitFor()
}

test('pasted files are shared, but not during a download', withUsers(2, async (alice, bob) => {
  await start(alice.page)
  assert.equal(await paste(alice.page, { files: ['one.bin', 'two.bin'] }), true)
  const link = await linkOf(alice.page)
  await row(alice.page, 'two.bin').waitFor()

  await open(bob.page, link)
  await paste(bob.page, { files: ['three.bin'] })
  await notice(bob.page, 'Nothing was pasted').waitFor()
  await row(bob.page, 'two.bin').waitFor()
}))

test('a pasted text is shared from a form, and its receiver reads and copies it', withUsers(2, async (alice, bob) => {
  await start(alice.page)
  // The real keys and the real clipboard.
  await alice.context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await alice.page.evaluate(text => navigator.clipboard.writeText(text), TEXT)
  await alice.page.keyboard.press('Control+V')
  const field = alice.page.getByLabel('Text', { exact: true })
  await field.waitFor()
  await eventually(STEP_MS, async () => await field.inputValue() === TEXT, 'the pasted text')
  await inspect(alice.page, 'start-text')
  // The field has the focus, so it takes what is pasted next.
  assert.equal(await paste(alice.page, { text: 'more' }), false)
  await alice.page.getByRole('button', { name: 'Share the text' }).click()
  const link = await linkOf(alice.page)
  await row(alice.page, 'text.txt').waitFor()

  await bob.context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await open(bob.page, link)
  await download(bob.page, { savesItself: false })
  await eventually(STEP_MS, async () => await bob.page.getByLabel('Text of the file').textContent() === TEXT, 'the text')
  await bob.page.getByRole('button', { name: 'Copy the text' }).click()
  await bob.page.getByText('Text copied').waitFor()
  assert.equal(await bob.page.evaluate(() => navigator.clipboard.readText()), TEXT)
}))

test('a pasted link is opened, and stays after a reload', withUsers(2, async (alice, bob) => {
  const link = await share(alice.page, here.server.page, inMemory('linked.bin', 'linked'))
  await start(bob.page)
  await paste(bob.page, { text: link })
  await bob.page.getByRole('heading', { level: 1, name: 'linked.bin' }).waitFor()
  assert.equal(bob.page.url(), link)
  await bob.page.reload()
  await bob.page.getByRole('heading', { level: 1, name: 'linked.bin' }).waitFor()
  await bob.page.goBack()
  await bob.page.getByRole('heading', { level: 1, name: /Share files/ }).waitFor()
}))

test('the start view opens links, magnet links and info-hashes, and explains other texts', withUsers(1, async ({ page }) => {
  await start(page)
  const field = page.getByLabel('Link, magnet link or info-hash')
  const submit = async text => {
    if (!await field.isVisible()) await page.getByText('Open a link').click()
    await field.fill(text)
    await field.press('Enter')
  }
  await submit('https://example.org/no-link')
  await page.getByRole('alert').filter({ hasText: 'This is no link to a share' }).waitFor()
  await inspect(page, 'start-link')
  const id = randomId()
  for (const text of [id.toUpperCase(), `magnet:?xt=urn:btih:${id}&dn=x`, `${here.server.page}#${id}`]) {
    await submit(text)
    await page.getByRole('heading', { level: 1, name: 'Looking for the files' }).waitFor()
    assert.equal(new URL(page.url()).hash, `#${id}`)
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.getByRole('heading', { level: 1, name: /Share files/ }).waitFor()
  }
}))
