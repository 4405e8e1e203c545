// "Tell me when done" asks for the permission only after a click, and shows one notification of the system.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually, pattern } from '../support/index.mjs'
import { STEP_MS, downloadButton, inMemory, inspect, linkOf, open, row, saveAllButton, share, slowDown, stage } from './support.mjs'

const { here, withUsers } = stage()
const button = page => page.getByRole('button', { name: 'Tell me when done' })
const told = page => page.evaluate(() => window.__told)

/** Replaces the notifications of the browser, whose permission differs between its versions without a window. */
function recordNotifications () {
  window.__told = []
  window.__asked = 0
  window.__answer = 'granted'
  window.Notification = class {
    static requestPermission () {
      window.__asked++
      return Promise.resolve(window.__answer)
    }

    constructor (title, { body }) { window.__told.push(`${title}: ${body}`) }
  }
}

test('sender and receiver are told once when everything has arrived', withUsers(2, async (alice, bob) => {
  const link = await share(alice.page, here.server.page, inMemory('long.bin', pattern(3_000_000, 70)))
  await button(alice.page).click()
  await alice.page.getByText('You get a notification').waitFor()
  await inspect(alice.page, 'tell-me')
  await open(bob.page, link)
  assert.equal(await button(bob.page).isVisible(), false)
  await slowDown(alice.page)
  await downloadButton(bob.page).click()
  await button(bob.page).click()
  assert.equal(await button(bob.page).getAttribute('aria-pressed'), 'true')
  assert.deepEqual(await told(bob.page), [])
  await slowDown(alice.page, false)
  await saveAllButton(bob.page).waitFor()
  await eventually(STEP_MS, async () => (await told(alice.page)).length > 0, 'the notification of the sender')
  await row(alice.page, 'Receiver 1').getByText('has everything').waitFor()
  assert.deepEqual([await told(alice.page), await told(bob.page)], [['A receiver has everything: long.bin'], ['The download is complete: long.bin']])
  assert.deepEqual([await button(alice.page).isVisible(), await button(bob.page).isVisible()], [false, false])
}, { init: recordNotifications }))

test('receivers of an earlier link do not complete the one to added files', withUsers(3, async (alice, bob, carol) => {
  const link = await share(alice.page, here.server.page, inMemory('first.bin', pattern(100_000, 72)))
  await open(bob.page, link)
  await downloadButton(bob.page).click()
  await row(alice.page, 'Receiver 1').getByText('has everything').waitFor()
  assert.equal(await button(alice.page).isVisible(), false)

  await alice.page.locator('swarm-add-files input[type=file]').setInputFiles(inMemory('second.bin', pattern(100_000, 73)))
  await row(alice.page, 'Receiver 1').getByText('of an earlier link').waitFor()
  await button(alice.page).click()
  await alice.page.getByText('You get a notification').waitFor()
  // A few updates later nobody is told yet.
  await alice.page.waitForTimeout(1_500)
  assert.deepEqual(await told(alice.page), [])
  await open(carol.page, await linkOf(alice.page))
  await downloadButton(carol.page).click()
  await eventually(STEP_MS, async () => (await told(alice.page)).length > 0, 'the notification')
}, { init: recordNotifications }))

test('a denied permission is explained, and nobody is asked without a click', withUsers(2, async (alice, bob) => {
  const link = await share(alice.page, here.server.page, inMemory('quiet.bin', pattern(100_000, 71)))
  assert.equal(await alice.page.evaluate(() => window.__asked), 0)
  await alice.page.evaluate(() => { window.__answer = 'denied' })
  await button(alice.page).click()
  await alice.page.getByText('This browser blocks notifications').waitFor()
  await open(bob.page, link)
  await downloadButton(bob.page).click()
  await row(alice.page, 'Receiver 1').getByText('has everything').waitFor()
  assert.deepEqual([await told(alice.page), await told(bob.page)], [[], []])
}, { init: recordNotifications }))
