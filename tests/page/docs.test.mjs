// The documentation at /docs in Chromium: search by keyboard, menu and contents, light and dark, on a phone.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../support/index.mjs'
import { STEP_MS, inspect, stage } from './support.mjs'

const { here, withUsers } = stage({ serverArgs: ['--history', 'memory'] })
const docs = path => `${here.server.page}docs/${path}`

const hits = page => page.getByRole('option')
const field = page => page.getByRole('combobox', { name: /Search the documentation/ })

test('the keyboard finds a section and opens it', withUsers(1, async ({ page }) => {
  let loads = 0
  page.on('request', request => { if (request.url().endsWith('search.json')) loads++ })
  await page.goto(docs('decisions/001-one-crate'))
  assert.equal(loads, 0, 'the index is loaded on first use')
  await page.keyboard.press('/')
  await page.keyboard.type('reload certificate')
  await hits(page).first().waitFor({ timeout: STEP_MS })
  await page.getByRole('status').filter({ hasText: /^\d+ results?$/ }).waitFor({ state: 'attached' })
  assert.equal(await field(page).getAttribute('aria-expanded'), 'true')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('ArrowUp')
  const marked = hits(page).first()
  assert.equal(await marked.getAttribute('aria-selected'), 'true')
  assert.equal(await field(page).getAttribute('aria-activedescendant'), await marked.getAttribute('id'))
  const heading = await marked.locator('.hit-heading').textContent()
  await page.keyboard.press('Enter')
  await page.waitForURL(url => url.pathname !== new URL(docs('decisions/001-one-crate')).pathname, { timeout: STEP_MS })
  await page.getByRole('heading', { name: heading, exact: false }).first().waitFor({ timeout: STEP_MS })
  assert.equal(loads, 1)
}))

test('a search without hits says so, Escape closes it, and "/" is typed into the field', withUsers(1, async ({ page }) => {
  await page.goto(docs('tls'))
  await field(page).fill('zzzz')
  await page.getByText('Nothing found').first().waitFor({ timeout: STEP_MS })
  await page.keyboard.press('Escape')
  assert.equal(await hits(page).count(), 0)
  await field(page).fill('')
  await page.keyboard.type('a/b')
  assert.equal(await field(page).inputValue(), 'a/b')
}))

test('a search index that cannot be loaded is named, and the next input tries again', withUsers(1, async ({ page }) => {
  await page.goto(docs('tls'))
  await page.route('**/search.json', route => route.abort())
  await field(page).fill('acme')
  await page.getByText('The search could not be loaded').first().waitFor({ timeout: STEP_MS })
  await page.unroute('**/search.json')
  await field(page).fill('acme ')
  await page.getByRole('option', { name: /ACME|acme/ }).first().waitFor({ timeout: STEP_MS })
}, { allow: [/ERR_FAILED/] }))

test('the skip link leads to the text', withUsers(1, async ({ page }) => {
  await page.goto(docs('limits'))
  await page.keyboard.press('Tab')
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Skip to the text')
  await page.keyboard.press('Enter')
  await eventually(STEP_MS, () => page.evaluate(() => document.activeElement?.id === 'article'), 'focus on the text')
}))

test('page and dashboard lead to the documentation', withUsers(1, async ({ page, context }) => {
  await page.goto(`${here.server.page}dashboard`)
  await page.getByRole('link', { name: 'Documentation' }).click()
  await page.waitForURL(docs(''))
  await page.goto(here.server.page)
  const [opened] = await Promise.all([context.waitForEvent('page'), page.getByRole('link', { name: 'Documentation' }).click()])
  await opened.waitForURL(docs(''))
}))

test('pages have no accessibility faults, in light and dark', withUsers(1, async ({ page }) => {
  for (const [colorScheme, paths] of [['light', ['', 'own-client']], ['dark', ['sharing', 'decisions/']]]) {
    await page.emulateMedia({ colorScheme })
    for (const path of paths) {
      await page.goto(docs(path))
      await inspect(page, `docs-${path.replace('/', '') || 'start'}-${colorScheme}`)
    }
  }
  await field(page).fill('tls')
  await hits(page).first().waitFor({ timeout: STEP_MS })
  await inspect(page, 'docs-search')
}))

test('on a phone the menu is a dialog, and nothing is wider than the screen', withUsers(1, async ({ page }) => {
  for (const path of ['', 'own-client', 'limits', 'protocol', 'api']) {
    await page.goto(docs(path))
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), path)
  }
  assert.ok(!await page.getByRole('navigation', { name: 'All pages' }).isVisible())
  await page.getByRole('button', { name: 'All pages' }).click()
  const menu = page.getByRole('navigation', { name: 'All pages' })
  await menu.getByRole('link', { name: 'TLS' }).click()
  await page.waitForURL(docs('tls'))
  await page.getByRole('button', { name: 'On this page' }).click()
  const contents = page.getByRole('navigation', { name: 'On this page' })
  await contents.getByRole('link').last().click()
  await eventually(STEP_MS, async () => !await contents.isVisible(), 'the contents to close')
  assert.ok(new URL(page.url()).hash)
}, { user: { context: { viewport: { width: 390, height: 844 } } } }))
