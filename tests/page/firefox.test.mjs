// Firefox and Chromium meet: the sharing page and the element both ways, a video that seeks, the check, and pages with the
// code of docs/own-client.md.

import assert from 'node:assert/strict'
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { watchInTurn, writeStream } from '../support/hls.mjs'
import { dataChannelStats, eventually, firefoxPath, hasOwnAddress, launchChromium, launchFirefox, newFirefoxUser, newUser, nodeModules, pattern, playFromMiddle, root, sha256, startServer, startStatic } from '../support/index.mjs'
import { codeBlocks } from '../support/markdown.mjs'
import { STEP_MS, download, downloadButton, inMemory, share } from './support.mjs'

const BYTES = 3_000_000
const skip = (!firefoxPath() && 'Firefox is missing') || (!hasOwnAddress() && 'this machine has no address for Firefox')

let server, site, browsers, folder
const pages = {}
before(async () => {
  if (skip) return
  folder = await mkdtemp(join(tmpdir(), 'swarmhub-firefox-site-'))
  server = await startServer({ args: ['--interval', '30'] })
  await copyFile(join(nodeModules, 'webtorrent/dist/sw.min.js'), join(folder, 'sw.min.js'))
  await writeStream(folder, 'mp3')
  const [policy] = (await codeBlocks('docs/embed.md')).filter(({ marks }) => marks.run === 'embed-policy')
  const origin = new URL(server.page).origin
  const line = policy.code.trim().replaceAll('https://TRACKER', origin).replaceAll('wss://TRACKER', origin.replace('http', 'ws'))
  pages['/element'] = `<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${line.replace(/^[^:]+: /, '')}">
    <title>A shop</title><script type="module" src="${server.page}embed.js"></script><swarm-share></swarm-share></html>`
  for (const { marks, code } of await codeBlocks('docs/own-client.md')) {
    if (marks.run) pages[`/${marks.run}`] = code.replaceAll('wss://tracker.example.org', `${origin.replace('http', 'ws')}`).replaceAll('https://tracker.example.org', origin)
  }
  site = await startStatic({ pages, mounts: { '/node_modules/': nodeModules, '/': folder } })
  const [chromium, firefox] = await Promise.all([launchChromium(), launchFirefox()])
  browsers = { chromium, firefox }
})
after(async () => {
  await Promise.all(Object.values(browsers ?? {}).map(browser => browser.close()))
  await Promise.all([site?.close(), server?.stop()])
  if (folder) await rm(folder, { recursive: true, force: true })
})

/** Returns the link that a page shows. */
const linkOf = async page => {
  const field = page.getByLabel('Link to this share')
  await field.waitFor()
  return await field.inputValue()
}

/** Runs a story with one user in each of these browsers. At the end their pages must have no errors. */
const withUsers = (names, story) => async () => {
  const users = []
  try {
    for (const name of names) {
      const user = await (name === 'firefox' ? newFirefoxUser(browsers.firefox) : newUser(browsers.chromium, { loopbackOnly: false }))
      users.push(user)
      user.page.setDefaultTimeout(STEP_MS)
    }
    await story(...users.map(({ page }) => page))
    for (const user of users) user.assertClean()
  } finally {
    await Promise.all(users.map(user => user.close().catch(() => {})))
  }
}

for (const [from, to] of [['firefox', 'chromium'], ['chromium', 'firefox']]) {
  test(`the sharing page sends a file from ${from} to ${to}`, { skip }, withUsers([from, to], async (sender, receiver) => {
    const content = pattern(BYTES, from.length)
    const link = await share(sender, server.page, inMemory('a file.bin', content))
    await receiver.goto(link)
    const file = await download(receiver)
    assert.equal(file.name, 'a file.bin')
    assert.ok(file.bytes.equals(Buffer.from(content)))
    assert.ok((await dataChannelStats(receiver)).bytesReceived >= BYTES)
  }))

  test(`the element on another origin, with a strict policy, sends a file from ${from} to ${to}`, { skip }, withUsers([from, to], async (sender, receiver) => {
    const content = pattern(BYTES, to.length + 100)
    await sender.goto(`${site.url}element`)
    await sender.locator('input[type=file]').first().setInputFiles(inMemory('b.bin', content))
    await receiver.goto(await linkOf(sender))
    await downloadButton(receiver).click()
    // Hashed in the page: all bytes would be too much for an answer.
    const [size, hash] = await eventually(STEP_MS, () => receiver.evaluate(async () => {
      const [file] = document.querySelector('swarm-share').files
      if (!file?.done) return null
      const blob = await file.blob()
      const digest = await crypto.subtle.digest('SHA-256', await blob.arrayBuffer())
      return [blob.size, [...new Uint8Array(digest)].map(byte => byte.toString(16).padStart(2, '0')).join('')]
    }), 'the file')
    assert.deepEqual([size, hash], [BYTES, sha256(content)])
  }))
}

test('a video plays and seeks in Firefox while it downloads', { skip }, withUsers(['chromium', 'firefox'], async (sender, receiver) => {
  await sender.goto(server.page)
  await sender.locator('input[type=file]').first().setInputFiles(join(root, 'tests/page/fixtures/clip.webm'))
  await receiver.goto(await linkOf(sender))
  await receiver.getByRole('button', { name: 'Open clip.webm' }).click()
  await playFromMiddle(receiver.locator('video'), STEP_MS)
}))

test('the check is good in Firefox', { skip }, withUsers(['firefox'], async page => {
  await page.goto(`${server.page}check`)
  const states = () => page.locator('.step').evaluateAll(all => all.map(({ dataset }) => dataset.state))
  await eventually(STEP_MS, async () => !(await states()).includes('running'), 'the end of the check')
  assert.deepEqual(await states(), ['good', 'good', 'good', 'good', 'good', 'not-tested'])
}))

/** Chooses a file on a page of docs/own-client.md, and returns the link. */
const choose = async (page, file) => {
  // Before, the page listens to nothing: it asks for the ICE servers first.
  await page.waitForLoadState('networkidle')
  await page.locator('#choose').setInputFiles(file)
  return await eventually(STEP_MS, async () => {
    const text = await page.locator('#link').textContent()
    return text.includes('#') && text
  }, 'the link')
}

test('webtorrent of an own page sends a file from Firefox to Chromium', { skip }, withUsers(['firefox', 'chromium'], async (sender, receiver) => {
  const content = pattern(300_000, 7)
  await sender.goto(`${site.url}webtorrent`)
  await receiver.goto(await choose(sender, inMemory('letter.bin', content)))
  const saved = receiver.locator('#files a')
  const [file] = await Promise.all([receiver.waitForEvent('download'), saved.click()])
  assert.ok((await readFile(await file.path())).equals(Buffer.from(content)))
}))

test('a video of an own page with webtorrent plays and seeks in Firefox', { skip }, withUsers(['chromium', 'firefox'], async (sender, receiver) => {
  await sender.goto(`${site.url}webtorrent-stream`)
  await receiver.goto(await choose(sender, join(root, 'tests/page/fixtures/clip.webm')))
  await playFromMiddle(receiver.locator('#video'), STEP_MS)
}))

for (const library of ['trystero', 'simple-peer']) {
  test(`pages with ${library} in Firefox and Chromium exchange a message`, { skip }, withUsers(['firefox', 'chromium'], async (one, other) => {
    const log = page => page.locator('#log').textContent()
    await Promise.all([one, other].map(page => page.goto(`${site.url}${library}`)))
    for (const page of [one, other]) await eventually(STEP_MS, async () => (await log(page)).includes('joined'), 'that they meet')
    await one.locator('#text').fill('hello')
    await one.getByRole('button', { name: 'Send' }).click()
    await eventually(STEP_MS, async () => /: hello/.test((await log(other)).replace('me: hello', '')), 'the message')
  }))
}

test('of three p2p-media-loader pages, two get most segments from the others', { skip }, withUsers(['chromium', 'firefox', 'firefox'], async (...viewers) => {
  await watchInTurn(viewers, `${site.url}p2p-media-loader`, STEP_MS)
}))
