// Leaving the page asks for confirmation if a share waits for receivers or a download is not saved.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually, pattern, randomId } from '../support/index.mjs'
import { STEP_MS, download, inMemory, linkOf, notice, open, saveAllButton, saveNeedsClick, share, stage } from './support.mjs'

const { here, withUsers } = stage()
const asks = page => page.evaluate(() => !window.dispatchEvent(new Event('beforeunload', { cancelable: true })))

/** Records the confirmation dialogs of a page and answers them. @param {import('playwright-core').Page} page */
function answer (page, questions, accept) {
  page.on('dialog', dialog => {
    questions.push(dialog.message())
    return accept() ? dialog.accept() : dialog.dismiss()
  })
}

test('ending a share that waits for receivers needs a confirmation', withUsers(2, async (alice, bob) => {
  assert.equal(await share(alice.page, here.server.page, inMemory('waiting.bin', pattern(100_000, 40))).then(() => asks(alice.page)), true)
  const link = await linkOf(alice.page)
  const questions = []
  let accept = false
  answer(alice.page, questions, () => accept)

  await alice.page.getByRole('button', { name: 'Stop sharing' }).click()
  const other = `#${randomId()}`
  await alice.page.evaluate(hash => { location.hash = hash }, other)
  await eventually(STEP_MS, () => questions.length === 2, 'a question for each')
  assert.match(questions[0], /^The link works only while this page shares the files\. Stop/)
  assert.match(questions[1], /^The link works only while this page shares the files\. Leave/)
  // The dialog of the browser itself, which it shows after an interaction with the page.
  await alice.page.getByRole('link', { name: 'swarmhub, start page' }).click()
  await eventually(STEP_MS, () => questions.length === 3, 'the browser’s own question')
  await alice.page.getByRole('heading', { level: 1, name: 'Sharing waiting.bin' }).waitFor()
  await open(bob.page, link)
  await download(bob.page)

  accept = true
  await alice.page.getByRole('button', { name: 'Stop sharing' }).click()
  await alice.page.getByRole('heading', { level: 1, name: /Share files/ }).waitFor()
  assert.equal(await asks(alice.page), false)
}))

test('leaving a download that is not completely saved needs a confirmation', withUsers(2, async (alice, bob) => {
  const link = await share(alice.page, here.server.page, [inMemory('one.bin', pattern(50_000, 41)), inMemory('two.bin', pattern(60_000, 42))])
  await open(bob.page, link)
  assert.equal(await asks(bob.page), false)
  await download(bob.page, { savesItself: false })
  const questions = []
  answer(bob.page, questions, () => false)
  const close = bob.page.getByRole('button', { name: 'Close' })
  await close.click()
  await bob.page.getByRole('button', { name: 'Save one.bin' }).click()
  await eventually(STEP_MS, async () => {
    await close.click()
    return questions.at(-1)?.startsWith('Not everything has been saved')
  }, 'a question for the rest')
  assert.match(questions[0], /^Nothing has been saved yet/)
  const asked = questions.length
  await bob.page.evaluate(() => history.back())
  await eventually(STEP_MS, () => questions.length > asked, 'a question on the way back')
  await saveAllButton(bob.page).waitFor()

  await bob.page.getByRole('button', { name: 'Save two.bin' }).click()
  await eventually(STEP_MS, async () => !await asks(bob.page), 'a page that may be left')
  await close.click()
  await bob.page.getByRole('heading', { level: 1, name: /Share files/ }).waitFor()
}, { init: saveNeedsClick }))

test('a cancelled save does not count as saved', withUsers(2, async (alice, bob) => {
  const link = await share(alice.page, here.server.page, inMemory('kept.bin', pattern(100_000, 43)))
  await open(bob.page, link)
  await download(bob.page, { savesItself: false })
  await saveAllButton(bob.page).click()
  assert.equal(await notice(bob.page, 'Saving failed').count(), 0)
  assert.equal(await asks(bob.page), true)
}, { init: () => {
  ServiceWorkerContainer.prototype.register = () => Promise.reject(new DOMException('not here', 'SecurityError'))
  window.showSaveFilePicker = () => Promise.reject(new DOMException('cancelled', 'AbortError'))
} }))
