// Sharing and receiving files with the page, compared byte by byte.

import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { dataChannelStats, eventually, pattern, sha256 } from '../support/index.mjs'
import { DIRECT_PATH, STEP_MS, download, downloadButton, inMemory, linkOf, open, row, saveAllButton, saveNeedsClick, saved, share, stage } from './support.mjs'

const { here, withUsers } = stage()

test('a file arrives unchanged in the other browser, peer to peer', withUsers(2, async (alice, bob) => {
  const bytes = pattern(5_000_000)
  const link = await share(alice.page, here.server.page, inMemory('holiday.bin', bytes))
  await open(bob.page, link)
  await row(bob.page, 'holiday.bin').getByText('5.00 MB').waitFor()
  await download(bob.page)

  const { name, bytes: received } = await saved(bob.page, saveAllButton(bob.page))
  assert.equal(name, 'holiday.bin')
  assert.equal(sha256(received), sha256(bytes))
  const stats = await dataChannelStats(bob.page)
  assert.ok(stats.bytesReceived >= bytes.length, `only ${stats.bytesReceived} bytes received over WebRTC`)
}))

test('only names and sizes are loaded before the download is started', withUsers(2, async (alice, bob) => {
  const link = await share(alice.page, here.server.page, inMemory('big.bin', pattern(3_000_000, 2)))
  await open(bob.page, link)
  await bob.page.getByRole('listitem').filter({ hasText: DIRECT_PATH }).waitFor()
  const stats = await dataChannelStats(bob.page)
  assert.ok(stats.bytesReceived > 0)
  assert.ok(stats.bytesReceived < 100_000, `${stats.bytesReceived} bytes`)
  assert.equal(await bob.page.getByRole('button', { name: 'Save' }).count(), 0)
}))

test('of several files only chosen ones load, others later, all as one archive', withUsers(2, async (alice, bob) => {
  const files = [inMemory('a.txt', 'first'), inMemory('b.bin', pattern(700_000, 3)), inMemory('c.bin', pattern(300_001, 4)), inMemory('empty.txt', '')]
  const link = await share(alice.page, here.server.page, files)
  await open(bob.page, link)
  await bob.page.getByRole('checkbox', { name: 'Download b.bin' }).uncheck()
  const [first] = await Promise.all([bob.page.waitForEvent('download'), bob.page.getByRole('button', { name: 'Download (3 files, 300 kB)' }).click()])
  await saveAllButton(bob.page).waitFor()
  assert.equal(first.suggestedFilename(), 'a.txt (+3).zip')
  await row(bob.page, 'b.bin').getByText('Not chosen').waitFor()
  const c = await saved(bob.page, bob.page.getByRole('button', { name: 'Save c.bin' }))
  assert.equal(sha256(c.bytes), sha256(files[2].buffer))
  assert.equal((await saved(bob.page, bob.page.getByRole('button', { name: 'Save empty.txt' }))).bytes.length, 0)

  const [later] = await Promise.all([bob.page.waitForEvent('download'), bob.page.getByRole('checkbox', { name: 'Download b.bin' }).check()])
  assert.equal(later.suggestedFilename(), 'b.bin')
  await row(bob.page, 'b.bin').getByText('Complete').waitFor()
  const archive = await saved(bob.page, saveAllButton(bob.page))
  assert.equal(archive.name, 'a.txt (+3).zip')
  assert.deepEqual(unzip(archive.bytes), Object.fromEntries(files.map(({ name, buffer }) => [`a.txt (+3)/${name}`, sha256(buffer)])))
}))

test('a folder keeps its tree', withUsers(2, async (alice, bob) => {
  const folder = join(here.folder, 'trip')
  await mkdir(join(folder, 'day 1'), { recursive: true })
  await writeFile(join(folder, 'notes.txt'), 'notes')
  await writeFile(join(folder, 'day 1', 'über & <b>.bin'), pattern(100_000, 5))
  await writeFile(join(folder, '.DS_Store'), 'junk')
  await alice.page.goto(here.server.page)
  await alice.page.getByRole('button', { name: 'Choose a folder' }).waitFor()
  await alice.page.locator('input[type=file]').nth(1).setInputFiles(folder)
  const link = await linkOf(alice.page)
  await open(bob.page, link)
  await bob.page.getByRole('heading', { level: 1, name: 'trip' }).waitFor()
  // Markup in a name stays text.
  await bob.page.getByText('day 1/über & <b>.bin', { exact: true }).waitFor()
  await download(bob.page)
  const archive = await saved(bob.page, saveAllButton(bob.page))
  assert.equal(archive.name, 'trip.zip')
  assert.deepEqual(unzip(archive.bytes), { 'trip/notes.txt': sha256('notes'), 'trip/day 1/über & _b_.bin': sha256(pattern(100_000, 5)) })
}))

test('files dropped anywhere on the page are shared', withUsers(1, async ({ page }) => {
  await page.goto(here.server.page)
  await page.getByRole('button', { name: 'Choose files' }).waitFor()
  await page.evaluate(() => {
    const dataTransfer = new DataTransfer()
    dataTransfer.items.add(new File(['dropped'], 'dropped.txt'))
    for (const type of ['dragover', 'drop']) document.body.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }))
  })
  await page.getByRole('heading', { level: 1, name: 'Sharing dropped.txt' }).waitFor()
}))

test('receivers continue among themselves after the sender has left', withUsers(3, async (alice, bob, carol) => {
  const bytes = pattern(2_000_000, 6)
  const link = await share(alice.page, here.server.page, inMemory('shared.bin', bytes))
  await open(bob.page, link)
  await download(bob.page)
  await row(alice.page, 'Receiver 1').getByText('has everything').waitFor()
  alice.page.once('dialog', dialog => dialog.accept())
  await alice.page.getByRole('button', { name: 'Stop sharing' }).click()
  await alice.page.getByRole('heading', { level: 1, name: /Share files/ }).waitFor()

  await open(carol.page, link)
  await download(carol.page)
  assert.equal(sha256((await saved(carol.page, saveAllButton(carol.page))).bytes), sha256(bytes))
  await row(bob.page, 'Peer').getByText('has everything').waitFor()
}))

test('a reload continues the download', withUsers(2, async (alice, bob) => {
  const bytes = pattern(3_000_000, 7)
  const link = await share(alice.page, here.server.page, inMemory('resumed.bin', bytes))
  await open(bob.page, link)
  await download(bob.page)
  bob.page.once('dialog', dialog => dialog.accept())
  await bob.page.reload()
  await saveAllButton(bob.page).waitFor()
  const { bytesReceived } = await dataChannelStats(bob.page)
  assert.ok(bytesReceived < 200_000, `${bytesReceived} bytes received again`)
  assert.equal(sha256((await saved(bob.page, saveAllButton(bob.page))).bytes), sha256(bytes))
}))

test('closing a download removes its data from the browser', withUsers(2, async (alice, bob) => {
  const link = await share(alice.page, here.server.page, inMemory('gone.bin', pattern(500_000, 8)))
  await open(bob.page, link)
  await download(bob.page, { savesItself: false })
  assert.equal(await storedDownloads(bob.page), 1)
  const questions = []
  bob.page.on('dialog', dialog => {
    questions.push(dialog.message())
    return questions.length === 1 ? dialog.dismiss() : dialog.accept()
  })
  const close = bob.page.getByRole('button', { name: 'Close' })
  await close.click()
  assert.equal(await storedDownloads(bob.page), 1)
  await close.click()
  await bob.page.getByRole('heading', { level: 1, name: /Share files/ }).waitFor()
  assert.deepEqual(questions, Array(2).fill('Nothing has been saved yet. Close and discard it?'))
  assert.equal(new URL(bob.page.url()).hash, '')
  await eventually(STEP_MS, async () => await storedDownloads(bob.page) === 0, 'removal of the stored download')
}, { init: saveNeedsClick }))

test('two pages of one browser can receive the same share', withUsers(2, async (alice, bob) => {
  const bytes = pattern(1_000_000, 9)
  const link = await share(alice.page, here.server.page, inMemory('twice.bin', bytes))
  const second = await bob.context.newPage()
  await open(bob.page, link)
  await open(second, link)
  await download(bob.page)
  await download(second)
  for (const page of [bob.page, second]) assert.equal(sha256((await saved(page, saveAllButton(page))).bytes), sha256(bytes))
}))

test('leaving asks for confirmation during a transfer and until the file is saved', withUsers(2, async (alice, bob) => {
  const link = await share(alice.page, here.server.page, inMemory('slow.bin', pattern(4_000_000, 10)))
  await open(bob.page, link)
  const asked = page => page.evaluate(() => !window.dispatchEvent(new Event('beforeunload', { cancelable: true })))
  assert.equal(await asked(bob.page), false)
  await downloadButton(bob.page).click()
  assert.equal(await asked(bob.page), true)
  await saveAllButton(bob.page).waitFor()
  await eventually(STEP_MS, async () => !await asked(bob.page), 'a page that may be left')
}))

test('leaving asks for confirmation while a file is being saved', withUsers(2, async (alice, bob) => {
  const link = await share(alice.page, here.server.page, inMemory('long.bin', pattern(2_000_000, 12)))
  await open(bob.page, link)
  await download(bob.page, { savesItself: false })
  const asked = () => bob.page.evaluate(() => !window.dispatchEvent(new Event('beforeunload', { cancelable: true })))
  await saveAllButton(bob.page).click()
  assert.equal(await asked(), true)
  let question = ''
  bob.page.once('dialog', dialog => {
    question = dialog.message()
    dialog.dismiss()
  })
  await bob.page.getByRole('button', { name: 'Close' }).click()
  assert.match(question, /is running/)
  await bob.page.evaluate(() => window.writeOn())
  await eventually(STEP_MS, async () => !await asked(), 'the end of the save')
}, { init: () => {
  const waiting = new Promise(resolve => { window.writeOn = resolve })
  ServiceWorkerContainer.prototype.register = () => Promise.reject(new DOMException('not here', 'SecurityError'))
  window.showSaveFilePicker = async () => ({ createWritable: async () => new WritableStream({ write: () => waiting }) })
} }))

test('opening the own link in the sharing page does not end the share', withUsers(2, async (alice, bob) => {
  const link = await share(alice.page, here.server.page, inMemory('mine.bin', pattern(200_000, 13)))
  await alice.page.evaluate(link => { location.href = link }, link)
  await eventually(STEP_MS, () => new URL(alice.page.url()).hash === '', 'the address of the sharing page')
  await alice.page.getByRole('heading', { level: 1, name: 'Sharing mine.bin' }).waitFor()
  await open(bob.page, link)
  await download(bob.page)
}))

test('two elements on one page share and receive side by side', withUsers(2, async (alice, bob) => {
  const bytes = pattern(300_000, 14)
  const link = await share(alice.page, here.server.page, inMemory('first.bin', bytes))
  await bob.page.goto(here.server.page)
  await bob.page.getByRole('button', { name: 'Choose files' }).waitFor()
  await bob.page.evaluate(hash => {
    const second = Object.assign(document.createElement('swarm-share'), { infoHash: hash })
    second.setAttribute('worker', '/sw.js')
    document.querySelector('main').append(second)
  }, new URL(link).hash.slice(1))
  await download(bob.page)
  assert.equal(sha256((await saved(bob.page, saveAllButton(bob.page))).bytes), sha256(bytes))
  await bob.page.locator('input[type=file]').first().setInputFiles(inMemory('second.bin', bytes))
  await bob.page.getByRole('heading', { level: 1, name: 'Sharing second.bin' }).waitFor()
  await bob.page.getByRole('heading', { level: 1, name: 'first.bin' }).waitFor()
}))

const storedDownloads = page => page.evaluate(async () => {
  const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('swarmhub')
  let count = 0
  for await (const _ of folder.keys()) count++
  return count
})

/** Name → SHA-256 of each entry of an uncompressed archive, read from its central directory. @param {Buffer} zip */
function unzip (zip) {
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06'))
  let at = zip.readUInt32LE(end + 16)
  const entries = {}
  while (zip.readUInt32LE(at) === 0x02014b50) {
    const [size, nameLength, extra, comment, local] = [zip.readUInt32LE(at + 24), zip.readUInt16LE(at + 28), zip.readUInt16LE(at + 30), zip.readUInt16LE(at + 32), zip.readUInt32LE(at + 42)]
    const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28)
    assert.equal(zip.readUInt16LE(at + 10), 0, 'stored without compression')
    entries[zip.toString('utf8', at + 46, at + 46 + nameLength)] = sha256(zip.subarray(start, start + size))
    at += 46 + nameLength + extra + comment
  }
  return entries
}
