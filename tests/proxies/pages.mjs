// Page and dashboard in a real browser behind a proxy: all requests succeed, and the tracker works.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newUser } from '../support/index.mjs'
import { download, inMemory, open, saveAllButton, saved, share } from '../page/support.mjs'

const STEP_MS = 45_000

/** Opens a user whose requests must all succeed. */
async function openUser (t, here) {
  const user = await newUser(here.browser)
  t.after(() => user.close())
  user.page.setDefaultTimeout(STEP_MS)
  const failed = []
  user.context.on('response', response => { if (response.status() >= 400) failed.push(`${response.status()} ${response.url()}`) })
  user.context.on('requestfailed', request => {
    // The live stream ends with its page, and a response that becomes a download is reported as failed.
    const isDone = /\/api\/v1\/live$|\/stream\//.test(request.url())
    if (!isDone) failed.push(`${request.failure()?.errorText} ${request.url()}`)
  })
  const assertClean = () => {
    assert.deepEqual(failed, [], 'requests that failed')
    user.assertClean()
  }
  return { ...user, assertClean }
}

/** Returns the service worker of a page once it is active. @param {import('playwright-core').Page} page */
const workerOf = page => page.evaluate(async () => {
  const { scope, active } = await navigator.serviceWorker.ready
  if (active?.state !== 'activated') await new Promise(resolve => active?.addEventListener('statechange', resolve, { once: true }))
  return { scope, state: active?.state }
})

/** @param {string} name the proxy @param {string} path path of the site */
export function testPages (name, here, path) {
  const site = () => `https://127.0.0.1:${here.proxy.port}${path}`

  test(`a file is shared and saved through the page behind ${name}`, async t => {
    const [alice, bob] = [await openUser(t, here), await openUser(t, here)]
    const link = await share(alice.page, site(), inMemory('hello.txt', 'hello'))
    assert.equal(link.split('#')[0], site())
    await open(bob.page, link)
    assert.deepEqual(await workerOf(bob.page), { scope: site(), state: 'activated' })
    await download(bob.page)
    const { bytes } = await saved(bob.page, saveAllButton(bob.page))
    assert.equal(bytes.toString(), 'hello')
    for (const user of [alice, bob]) user.assertClean()
  })

  test(`the dashboard behind ${name} shows live numbers and leads to the page`, async t => {
    const { page, assertClean } = await openUser(t, here)
    // Leaving the page while a chart still loads would abort its request.
    const charted = page.waitForResponse(/\/api\/v1\/history/).then(response => response.finished())
    await page.goto(`${site()}dashboard`)
    await charted
    await page.locator('.fresh.live').waitFor()
    await page.locator('.tile').first().waitFor()
    await page.getByRole('link', { name: 'swarmhub, sharing page' }).click()
    await page.getByRole('button', { name: 'Choose files' }).waitFor()
    assert.equal(page.url(), site())
    assertClean()
  })

  if (path === '/') return
  test(`without the trailing slash ${name} redirects to the page`, async t => {
    const { page, assertClean } = await openUser(t, here)
    await page.goto(site().slice(0, -1))
    await page.getByRole('button', { name: 'Choose files' }).waitFor()
    assert.equal(page.url(), site())
    assertClean()
  })
}
