// End-to-end encryption of shares: what peers and server get, links that were changed on their way, passwords, expiry, and
// the link of a share after a reload.

import assert from 'node:assert/strict'
import { mkdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually, pattern, sha256 } from '../support/index.mjs'
import { STEP_MS, download, downloadButton, inMemory, inspect, linkOf, notice, open, row, saveAllButton, saved, share, stage } from './support.mjs'

const { here, withUsers } = stage({ serverArgs: ['--interval', '30', '--log-level', 'trace'] })

const NAME = 'walrus-plan.txt'
const TEXT = 'I am the eggman. '.repeat(2000)

/** Keeps what a page sends to peers and to the server, as Latin-1 texts. */
function recordSent () {
  window.__sentTexts = []
  for (const { prototype } of [RTCDataChannel, WebSocket]) {
    const { send } = prototype
    prototype.send = function (data) {
      const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength)
      window.__sentTexts.push(Array.from(bytes, byte => String.fromCharCode(byte)).join(''))
      return send.call(this, data)
    }
  }
}

const sentBy = page => page.evaluate(() => window.__sentTexts.join(''))

test('peers and server get neither names nor contents nor the key', withUsers(2, async (alice, bob) => {
  const requested = []
  for (const { page } of [alice, bob]) page.on('request', request => requested.push(request.url()))
  const link = await share(alice.page, here.server.page, inMemory(NAME, TEXT))
  await alice.page.getByText('neither the tracker nor other browsers can read the files').waitFor()
  await open(bob.page, link)
  await row(bob.page, NAME).getByText('34.0 kB').waitFor()
  await bob.page.getByText('neither the tracker nor other browsers can read the files').waitFor()
  await download(bob.page)
  const { name, bytes } = await saved(bob.page, saveAllButton(bob.page))
  assert.deepEqual([name, String(bytes)], [NAME, TEXT])

  const key = link.split('.').at(-1)
  assert.match(key, /^[\w-]{22}$/)
  const sent = [await sentBy(alice.page), await sentBy(bob.page)].join('')
  assert.ok(sent.length > TEXT.length && sent.includes('encrypted'), 'the metadata and pieces were recorded')
  for (const secret of ['walrus', 'plan.txt', 'eggman', key]) assert.ok(!sent.includes(secret), secret)
  assert.ok(!requested.some(url => url.split('#')[0].includes(key)))
  assert.ok(!here.server.stderr().includes(key))
}, { init: recordSent }))

test('without encryption the link has no key, and peers get the names', withUsers(2, async (alice, bob) => {
  await alice.page.goto(here.server.page)
  await alice.page.locator('swarm-share').evaluate(element => element.setAttribute('encryption', 'off'))
  await alice.page.locator('input[type=file]').first().setInputFiles(inMemory(NAME, TEXT))
  const link = await linkOf(alice.page)
  assert.match(link, /#[0-9a-f]{40}$/)
  await alice.page.getByText('Not end-to-end encrypted').waitFor()
  await open(bob.page, link)
  await bob.page.getByText('Not end-to-end encrypted').waitFor()
  await download(bob.page)
  assert.equal(String((await saved(bob.page, saveAllButton(bob.page))).bytes), TEXT)
  const sent = await sentBy(alice.page)
  assert.ok(sent.includes(NAME) && sent.includes('eggman'))
}, { init: recordSent }))

test('after a reload the same files have the same link, and changed files another', withUsers(2, async (alice, bob) => {
  const folder = join(here.folder, 'trip')
  await mkdir(folder)
  const [path, other] = [join(folder, 'big.bin'), join(folder, 'small.txt')]
  const write = async number => {
    await writeFile(path, pattern(700_000, number))
    await utimes(path, 1_700_000_000, 1_700_000_000)
  }
  await write(31)
  await writeFile(other, 'small')
  const choose = async () => {
    await alice.page.goto('about:blank')
    await alice.page.goto(here.server.page)
    await alice.page.getByRole('button', { name: 'Choose a folder' }).waitFor()
    await alice.page.locator('input[type=file]').nth(1).setInputFiles(folder)
    return linkOf(alice.page)
  }
  const link = await choose()
  await open(bob.page, link)
  await bob.page.getByRole('checkbox', { name: 'Download big.bin' }).uncheck()
  await downloadButton(bob.page).click()
  await saveAllButton(bob.page).waitFor()
  assert.equal(await choose(), link)
  // The receiver continues with the sender that has returned.
  await bob.page.getByRole('checkbox', { name: 'Download big.bin' }).check()
  await row(bob.page, 'big.bin').getByText('Complete').waitFor()
  const { bytes } = await saved(bob.page, bob.page.getByRole('button', { name: 'Save big.bin' }))
  assert.equal(sha256(bytes), sha256(pattern(700_000, 31)))

  // The same names, sizes and times with other contents must not get the same key.
  await write(32)
  const changed = await choose()
  const [hash, key] = new URL(changed).hash.split('.')
  assert.ok(!link.includes(hash) && !link.includes(key), `${link} and ${changed}`)
}))

test('a new link can be asked for the same files', withUsers(1, async ({ page }) => {
  const path = join(here.folder, 'again.txt')
  await writeFile(path, TEXT)
  await page.goto(here.server.page)
  const links = []
  for (const isNew of [false, true, false]) {
    await page.getByText('Options', { exact: true }).click()
    const box = page.getByLabel('Make a new link')
    if (links.length) assert.ok(!await box.isChecked(), 'the options are those of one share')
    await box.setChecked(isNew)
    await page.locator('input[type=file]').first().setInputFiles(path)
    links.push(await linkOf(page))
    page.once('dialog', dialog => dialog.accept())
    await page.getByRole('button', { name: 'Stop sharing' }).click()
    await page.getByRole('button', { name: 'Choose files' }).waitFor()
    await page.getByText('Options', { exact: true }).click()
  }
  assert.notEqual(links[1], links[0])
  assert.equal(links[2], links[1], 'the earlier key is forgotten')
}))

test('a link without its key, or with another one, is explained', withUsers(2, async (alice, bob) => {
  const link = await share(alice.page, here.server.page, inMemory(NAME, TEXT))
  await bob.page.goto(link.split('.').slice(0, -1).join('.'))
  await notice(bob.page, 'This link is incomplete').getByText('the link has no key').waitFor()
  await inspect(bob.page, 'error-no-key')
  await bob.page.goto('about:blank')
  await bob.page.goto(link.replace(/.{22}$/, 'AAAAAAAAAAAAAAAAAAAAAA'))
  await notice(bob.page, 'The key does not fit').waitFor()
  assert.equal(await bob.page.getByText(NAME).count(), 0)
  await bob.page.goto('about:blank')
  await bob.page.goto(link.slice(0, -3))
  await notice(bob.page, 'This link is incomplete').getByText('22 characters').waitFor()
}))

test('data that the sender encrypted wrongly ends the download with the reason', withUsers(2, async (alice, bob) => {
  await alice.page.addInitScript(() => {
    const { encrypt } = SubtleCrypto.prototype
    SubtleCrypto.prototype.encrypt = async function (parameters, key, data) {
      const bytes = new Uint8Array(await encrypt.call(this, parameters, key, data))
      // Records of the content, and not of the index.
      if (data.byteLength > 60_000) bytes[9] ^= 1
      return bytes.buffer
    }
  })
  const link = await share(alice.page, here.server.page, inMemory('wrong.bin', pattern(300_000, 33)))
  await open(bob.page, link)
  await downloadButton(bob.page).click()
  await notice(bob.page, 'The encrypted data is not valid').waitFor()
  await inspect(bob.page, 'error-bad-record')
}))

test('a list of files that is newer, or contradicts itself, is explained and not opened', withUsers(2, async (alice, bob) => {
  await alice.page.addInitScript(() => {
    const { stringify } = JSON
    // Only the list has a salt.
    JSON.stringify = (value, ...rest) => stringify(value?.salt ? { ...value, ...window.changes } : value, ...rest)
  })
  await bob.page.addInitScript(() => addEventListener('error', ({ detail }) => { window.lastError = detail }, true))
  await Promise.all([alice, bob].map(({ page }) => page.goto(here.server.page)))
  const TOO_OLD = ['share-newer', 'This page is too old for the share', 'Reload the page']
  const NOT_VALID = ['share-damaged', 'The list of files is not valid', 'Nothing was opened.']
  for (const [changes, [code, title, text]] of [
    [{ version: 2 }, TOO_OLD],
    [{ files: [[`../${NAME}`, 4]] }, NOT_VALID],
    // More than the pieces hold.
    [{ files: [[NAME, 10_000_000]] }, NOT_VALID]
  ]) {
    const link = await alice.page.locator('swarm-share').evaluate(async (element, [changes, name]) => {
      window.changes = changes
      element.stop()
      return (await element.share([new File(['text'], name)])).link
    }, [changes, NAME])
    await bob.page.locator('swarm-share').evaluate((element, link) => element.open(link).then(() => {}), link)
    const shown = notice(bob.page, title)
    await shown.getByText(text).waitFor()
    const error = await bob.page.evaluate(() => window.lastError)
    assert.deepEqual([error.code, error.severity, error.cause], [code, 'error', title])
    assert.ok((await shown.innerText()).includes(error.remedy))
    assert.equal(await bob.page.getByText(NAME).count(), 0)
    if (code === 'share-newer') await inspect(bob.page, 'error-newer-share')
    await shown.getByRole('button', { name: 'Close' }).click()
    await bob.page.getByRole('button', { name: 'Choose files' }).waitFor()
  }
}))

test('a link that a mail program changed still opens, and stands in no log', withUsers(2, async (alice, bob) => {
  const link = await share(alice.page, here.server.page, inMemory(NAME, TEXT))
  await open(bob.page, `${link.replace('#', '%23')}.`)
  assert.equal(new URL(bob.page.url()).pathname, '/')
  assert.ok(bob.page.url().startsWith(link), bob.page.url())
  await download(bob.page)
  const log = here.server.stderr()
  assert.ok(log.length > 0)
  for (const secret of [link.split('.').at(-1), link.split('#')[1].slice(0, 40), '%23']) assert.ok(!log.includes(secret), secret)
}))

test('a password is asked for, and a wrong one is said at once', withUsers(2, async (alice, bob) => {
  await alice.page.goto(here.server.page)
  await alice.page.getByText('Options', { exact: true }).click()
  await alice.page.getByLabel('Password', { exact: true }).fill('goo goo g’joob')
  await inspect(alice.page, 'start-options')
  await alice.page.locator('input[type=file]').first().setInputFiles(inMemory(NAME, TEXT))
  const link = await linkOf(alice.page)
  assert.match(link, /p$/)
  await bob.page.goto(link)
  await bob.page.getByRole('heading', { level: 1, name: 'A password is needed' }).waitFor()
  const field = bob.page.getByLabel('Password', { exact: true })
  await field.fill('goo goo')
  await bob.page.getByRole('button', { name: 'Open' }).click()
  await bob.page.getByText('This password does not fit').waitFor()
  assert.equal(await bob.page.getByText(NAME).count(), 0)
  await inspect(bob.page, 'receiving-password')
  await field.fill('goo goo g’joob')
  await field.press('Enter')
  await row(bob.page, NAME).waitFor()
  await eventually(STEP_MS, async () => await field.inputValue() === '', 'the password is not kept')
  await download(bob.page)
  assert.equal(String((await saved(bob.page, saveAllButton(bob.page))).bytes), TEXT)
}))

test('an expired share ends for sender and receivers, and cannot be opened', withUsers(3, async (alice, bob, carol) => {
  await alice.page.goto(here.server.page)
  await alice.page.getByText('Options', { exact: true }).click()
  await alice.page.getByLabel('The share expires').selectOption('After an hour')
  await alice.page.locator('input[type=file]').first().setInputFiles(inMemory(NAME, TEXT))
  const link = await linkOf(alice.page)
  await alice.page.getByText(/Expires in 1 h|Expires in 59 min/).waitFor()
  await open(bob.page, link)
  await bob.page.getByText(/Expires in/).waitFor()
  const later = () => {
    const { now } = Date
    Date.now = () => now() + 3_700_000
  }
  await carol.context.addInitScript(later)
  await carol.page.goto(link)
  await notice(carol.page, 'This share has expired').waitFor()
  for (const { page } of [bob, alice]) {
    await page.evaluate(later)
    await notice(page, 'This share has expired').waitFor()
  }
  await eventually(STEP_MS, () => alice.page.getByRole('button', { name: 'Choose files' }).isVisible(), 'the start view')
  await notice(bob.page, 'This share has expired').getByRole('button', { name: 'Close' }).click()
  await bob.page.getByRole('button', { name: 'Choose files' }).waitFor()
  assert.equal(new URL(bob.page.url()).hash, '')
  await inspect(alice.page, 'sharing-expired')
}))
