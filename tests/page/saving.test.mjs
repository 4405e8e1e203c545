// A download that the user has started is saved at its end, once, where the browser needs no click for that.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually, pattern } from '../support/index.mjs'
import { STEP_MS, download, downloadButton, inMemory, open, row, saveAllButton, saveNeedsClick, saved, share, slowDown, stage } from './support.mjs'

const { here, withUsers } = stage()
const asks = page => page.evaluate(() => !window.dispatchEvent(new Event('beforeunload', { cancelable: true })))

/** Records the names of what a page saves. @param {import('playwright-core').Page} page */
function namesOf (page) {
  const names = []
  page.on('download', download => names.push(download.suggestedFilename()))
  return names
}

test('a download is saved once, and files that are chosen later follow', withUsers(2, async (alice, bob) => {
  const link = await share(alice.page, here.server.page, ['a.bin', 'b.bin', 'c.bin'].map((name, i) => inMemory(name, pattern(90_000, 60 + i))))
  await open(bob.page, link)
  const names = namesOf(bob.page)
  for (const name of ['b.bin', 'c.bin']) await bob.page.getByRole('checkbox', { name: `Download ${name}` }).uncheck()
  await downloadButton(bob.page).click()
  await bob.page.getByText('It is saved.').waitFor()
  assert.equal(await asks(bob.page), false)
  await bob.page.getByRole('checkbox', { name: 'Download b.bin' }).check()
  await eventually(STEP_MS, () => names.length === 2, 'the second file')
  await bob.page.getByText('It is saved.').waitFor()
  await saved(bob.page, bob.page.getByRole('button', { name: 'Save again' }))
  assert.deepEqual(names, ['a.bin', 'b.bin', 'a.bin (+2).zip'])
}))

test('what the user saves during the download is not saved again', withUsers(2, async (alice, bob) => {
  const link = await share(alice.page, here.server.page, [inMemory('a.txt', 'first'), inMemory('big.bin', pattern(4_000_000, 64))])
  await open(bob.page, link)
  const names = namesOf(bob.page)
  await slowDown(alice.page)
  await downloadButton(bob.page).click()
  await bob.page.getByRole('button', { name: 'Open a.txt' }).click()
  await bob.page.getByRole('button', { name: 'Save a.txt' }).click()
  await slowDown(alice.page, false)
  await bob.page.getByText('It is saved.').waitFor()
  assert.deepEqual(names, ['a.txt', 'big.bin'])
}))

test('a preview or a reload saves nothing', withUsers(2, async (alice, bob) => {
  const link = await share(alice.page, here.server.page, inMemory('notes.md', '# Notes'))
  await open(bob.page, link)
  const names = namesOf(bob.page)
  await bob.page.getByRole('button', { name: 'Open notes.md' }).click()
  await saveAllButton(bob.page).waitFor()
  await bob.page.goto('about:blank')
  await bob.page.goto(link)
  await row(bob.page, 'notes.md').getByText('Complete').waitFor()
  await saved(bob.page, bob.page.getByRole('button', { name: 'Save', exact: true }))
  assert.deepEqual(names, ['notes.md'])
}))

test('a browser with a save dialog waits for a click', withUsers(2, async (alice, bob) => {
  const link = await share(alice.page, here.server.page, inMemory('asked.bin', pattern(50_000, 65)))
  await open(bob.page, link)
  await download(bob.page, { savesItself: false })
  assert.equal(await asks(bob.page), true)
  await bob.page.getByRole('button', { name: 'Save', exact: true }).click()
  await bob.page.getByText('It is saved.').waitFor()
  assert.deepEqual([await bob.page.evaluate(() => window.__dialogs), await asks(bob.page)], [1, false])
}, { init: saveNeedsClick }))
