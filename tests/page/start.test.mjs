// Pages with failed scripts show a message, which must not need a script.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inMemory, inspect, share, stage } from './support.mjs'

const { here, withUsers } = stage()
const FAILURES = {
  'is blocked': route => route.abort('blockedbyclient'),
  'is missing': route => route.fulfill({ status: 404, contentType: 'text/plain', body: 'nothing here' }),
  'has the wrong type': route => route.fulfill({ contentType: 'application/octet-stream', body: 'export {}' }),
  'cannot be parsed': route => route.fulfill({ contentType: 'text/javascript', body: 'export const = 1' }),
  'throws': route => route.fulfill({ contentType: 'text/javascript', body: 'throw new Error("too old")' })
}
const PLACES = [['the sharing page', '', /\/(share\/main|common\/format)\.js$/, 'This page has not started'], ['the dashboard', 'dashboard', /\/dashboard\/(main|lib\/routes)\.js$/, 'The dashboard has not started']]

for (const [name, path, scripts, words] of PLACES) {
  for (const [what, fail] of Object.entries(FAILURES)) {
    test(`${name} shows a message if a script ${what}`, withUsers(1, async ({ page }) => {
      await page.route(scripts, fail)
      await page.goto(here.server.page + path)
      await page.getByText(words).waitFor()
      if (what === 'is missing') await inspect(page, `not-started-${path || 'share'}`)
    }, { allow: [/./] }))
  }
}

test('the sharing page shows a message if the browser lacks a feature', withUsers(1, async ({ page }) => {
  await page.goto(here.server.page)
  await page.getByText('This page has not started').waitFor()
}, { allow: [/./], init: () => { window.setInterval = () => { throw new TypeError('missing') } } }))

test('a started page shows no such message', withUsers(1, async ({ page }) => {
  await share(page, here.server.page, inMemory('fine.txt', 'fine'))
  await page.evaluate(() => Promise.all(document.getAnimations().map(animation => animation.finished)))
  assert.equal(await page.getByText('has not started').isVisible(), false)
  await page.goto(`${here.server.page}dashboard`)
  await page.getByRole('heading', { level: 1 }).waitFor()
  assert.equal(await page.getByText('has not started').count(), 0)
  // Without history the dashboard gets a 404.
}, { allow: [/status of 404/] }))

test('text never becomes markup or script in either page', withUsers(1, async ({ page }) => {
  for (const path of ['', 'dashboard']) {
    await page.goto(here.server.page + path)
    await page.getByRole('heading', { level: 1 }).waitFor()
    const { enforced, known } = await page.evaluate(() => {
      let enforced = false
      try { document.createElement('div').innerHTML = '<b>text</b>' } catch { enforced = true }
      return { enforced, known: 'trustedTypes' in window }
    })
    assert.ok(known || page.context().browser()?.browserType().name() !== 'chromium', 'Chromium has Trusted Types')
    assert.equal(enforced, known, path)
    // The refused assignment is a violation that this test causes on purpose.
    await page.evaluate(() => { window.__violations = [] })
  }
}, { allow: [/status of 404/, /TrustedHTML|trusted/i] }))
