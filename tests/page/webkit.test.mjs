// The pages in WebKit, as far as they need no WebRTC, which WebKitGTK does not have: what visitors without WebRTC read,
// layout on a phone, the check, the dashboard, the documentation and /connect.

import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { eventually, launchWebkit, root, startServer, webkitMissing } from '../support/index.mjs'

const STEP_MS = 45_000
const TOKEN = 'an-admin-token-of-the-test'
const skip = webkitMissing()

let server, browser
before(async () => {
  if (skip) return
  server = await startServer({ args: ['--admin-token', TOKEN] })
  browser = await launchWebkit()
})
after(async () => {
  await browser?.close()
  await server?.stop()
})

/** Waits for a text of the page, also inside elements. @param {RegExp} wanted @returns {Promise<string>} all texts */
const waitForText = wanted => eventually(STEP_MS, async () => {
  const text = await browser.evaluate(() => {
    const textOf = root => [...root.querySelectorAll('*')].map(({ shadowRoot }) => shadowRoot ? textOf(shadowRoot) : '').join(' ') + ' ' + (root.body?.innerText ?? root.querySelector('.content')?.innerText ?? '')
    return textOf(document)
  })
  return wanted.test(text) && text
}, String(wanted))

/** Opens a page in a window of some width, checks that nothing is cut off there, and takes a picture. */
async function look (path, wanted, name, width = 1280) {
  await browser.resize(width, 900)
  await browser.goto(server.page + path)
  const text = await waitForText(wanted)
  const [inside, window] = await browser.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth])
  assert.ok(inside <= window, `${name}: ${inside} pixels in ${window}`)
  await mkdir(join(root, 'target/screenshots'), { recursive: true })
  await writeFile(join(root, `target/screenshots/webkit-${name}.png`), await browser.screenshot())
  return text
}

test('the sharing page says what is missing', { skip }, async () => {
  await look('', /This browser cannot connect to other browsers/, 'share')
  await look('', /WebRTC is missing/, 'share-phone', 400)
  const link = `#${'a'.repeat(40)}`
  await browser.goto('about:blank')
  await look(link, /WebRTC is missing/, 'share-link', 400)
})

test('the check tests what it can without WebRTC', { skip }, async () => {
  const text = await look('check', /Something does not work/, 'check', 400)
  assert.match(text, /Switch it on for this page/)
  assert.match(text, /A WebSocket opened in \d+ ms\. An announce was answered in \d+ ms\./)
  assert.match(text, /It needs WebRTC, which this browser does not have/)
})

test('the dashboard shows numbers and charts', { skip }, async () => {
  const text = await look('dashboard', /Connections/, 'dashboard')
  assert.doesNotMatch(text, /has not started/)
  await eventually(STEP_MS, () => browser.evaluate(() => document.querySelectorAll('canvas').length > 0), 'a chart')
  await look('dashboard', /Connections/, 'dashboard-phone', 400)
  await look('dashboard#/swarms', /Swarms/, 'dashboard-swarms')
})

test('the documentation and its search work', { skip }, async () => {
  await look('docs/own-client', /p2p-media-loader/, 'docs', 400)
  await browser.evaluate(() => {
    const input = document.querySelector('input[type=search]')
    input.focus()
    input.value = 'nginx'
    input.dispatchEvent(new Event('input', { bubbles: true }))
  })
  await eventually(STEP_MS, () => browser.evaluate(() => document.querySelectorAll('[role=option]').length > 0), 'hits')
})

test('/connect announces', { skip }, async () => {
  await look('connect', /Announced, answered in \d+ ms/, 'connect', 400)
})
