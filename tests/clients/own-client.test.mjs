// The pages of docs/own-client.md in Chromium, taken from its text: as they stand, and built with Vite with the imports
// that the text names. Each runs in two pages that find each other through the real binary only.

import assert from 'node:assert/strict'
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import ts from 'typescript'
import { build } from 'vite'
import { codeBlocks } from '../support/markdown.mjs'
import { watchInTurn, writeStream } from '../support/hls.mjs'
import { dataChannelStats, eventually, launchChromium, newUser, nodeModules, pattern, playFromMiddle, root, startServer, startStatic } from '../support/index.mjs'

const TEXT = 'docs/own-client.md'
const HOST = 'tracker.example.org'
const STEP_MS = 60_000
const blocks = await codeBlocks(TEXT)

/** The stories by the mark `run` of their block. */
const stories = { webtorrent: shareFile, 'webtorrent-stream': watchVideo, 'p2p-media-loader': watchTogether, trystero: chat, p2pt: chat, 'simple-peer': chat }

let server, browser, folder, plain, bundled
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swarmhub-own-client-'))
  ;[server, browser] = await Promise.all([startServer(), launchChromium()])
  await copyFile(join(nodeModules, 'webtorrent/dist/sw.min.js'), join(folder, 'sw.min.js'))
  await writeStream(folder)
  const pages = Object.fromEntries(blocks.filter(({ marks }) => marks.run).map(({ marks, code }) => [marks.run, withTracker(code)]))
  const withPaths = Object.fromEntries(Object.entries(pages).map(([name, html]) => [`/${name}.html`, html]))
  plain = await startStatic({ pages: withPaths, mounts: { '/node_modules/': nodeModules, '/': folder } })
  bundled = await startStatic({ mounts: { '/': await bundle(pages) } })
})
after(async () => {
  await browser?.close()
  await Promise.all([plain?.close(), bundled?.close(), server?.stop()])
  if (folder) await rm(folder, { recursive: true, force: true })
})

/** Puts the addresses of the server under test in place of those of the text. @param {string} code */
const withTracker = code => code
  .replaceAll(`wss://${HOST}`, server.tracker.replace(/\/$/, ''))
  .replaceAll(`https://${HOST}`, server.page.replace(/\/$/, ''))

/** Builds the pages that have a mark `vite` with the imports of that block; returns the folder of the result. @param {Record<string, string>} pages */
async function bundle (pages) {
  const vite = join(folder, 'vite')
  await startFolder(vite)
  const policy = withTracker((await blockOf('http')).code).trim().replace(/^Content-Security-Policy: /, '')
  const input = []
  for (const { marks, code } of blocks.filter(({ marks }) => marks.vite)) {
    const html = pages[marks.vite]
      .replace(/<script type="importmap">.*?<\/script>\n/s, '')
      .replace(/<script src=.*<\/script>\n/, '')
      .replace(/^import .*\n/gm, '')
      .replace('<script type="module">\n', `<script type="module">\n${code}`)
      .replace('<meta charset="utf-8">', `<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="${policy}">`)
    assert.ok(html.includes(code), marks.vite)
    input.push(join(vite, `${marks.vite}.html`))
    await writeFile(input.at(-1), html)
  }
  const config = join(vite, 'vite.config.js')
  await writeFile(config, blocks.find(({ marks }) => marks.file === 'vite.config.js').code)
  await build({ root: vite, configFile: config, logLevel: 'error', build: { target: 'esnext', modulePreload: false, rolldownOptions: { input } } })
  return join(vite, 'dist')
}

async function startFolder (path) {
  await mkdir(join(path, 'public'), { recursive: true })
  await symlink(nodeModules, join(path, 'node_modules'))
  await writeStream(join(path, 'public'))
}

const blockOf = async language => {
  const found = blocks.filter(block => block.language === language)
  assert.equal(found.length, 1, `one block of ${language}`)
  return found[0]
}

describe('own clients', { concurrency: 3 }, () => {
  for (const { marks } of blocks.filter(({ marks }) => marks.run)) {
    test(`${marks.run}: the page of the text works as it stands`, t => stories[marks.run](t, `${plain.url}${marks.run}.html`))
  }
  for (const { marks } of blocks.filter(({ marks }) => marks.vite)) {
    test(`${marks.vite}: it works built with Vite, under the policy of the text`, t => stories[marks.vite](t, `${bundled.url}${marks.vite}.html`))
  }
})

test('every page has a story, and every library is built with Vite', () => {
  assert.deepEqual(blocks.flatMap(({ marks }) => marks.run ?? []), Object.keys(stories))
  assert.deepEqual(blocks.flatMap(({ marks }) => marks.vite ?? []), Object.keys(stories).filter(name => name !== 'webtorrent-stream'))
})

test('the line for TypeScript is needed and enough', async () => {
  const types = (await blockOf('ts')).code
  const errors = async withTypes => {
    const main = join(folder, 'vite', `main-${withTypes}.ts`)
    await writeFile(main, "import WebTorrent from 'webtorrent/dist/webtorrent.min.js'\nnew WebTorrent()\n")
    const declaration = join(folder, 'vite', 'webtorrent.d.ts')
    await writeFile(declaration, types)
    const options = { strict: true, noEmit: true, skipLibCheck: true, types: [], module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler, target: ts.ScriptTarget.ES2022 }
    const program = ts.createProgram(withTypes ? [main, declaration] : [main], options)
    return ts.getPreEmitDiagnostics(program).map(({ code }) => code)
  }
  assert.deepEqual(await errors(true), [])
  assert.deepEqual(await errors(false), [7016])
})

/** Opens a page as a new user. At the end it must have no errors and no requests to other hosts. */
async function open (t, url) {
  const user = await newUser(browser)
  t.after(async () => {
    await user.close()
    user.assertClean()
  })
  await user.page.goto(url)
  return user.page
}

/** Chooses a file in the first page and returns the link that it shows. */
async function choose (page, file) {
  // Before, the page listens to nothing: it asks for the ICE servers first.
  await page.waitForLoadState('networkidle')
  await page.locator('#choose').setInputFiles(file)
  return await eventually(STEP_MS, async () => {
    const link = await page.locator('#link').textContent()
    return link.includes('#') && link
  }, 'the link')
}

async function shareFile (t, url) {
  const buffer = Buffer.from(pattern(300_000))
  const sender = await open(t, url)
  const receiver = await open(t, await choose(sender, { name: 'letter.bin', mimeType: 'application/octet-stream', buffer }))
  const link = receiver.locator('#files a')
  await link.waitFor({ timeout: STEP_MS })
  // Later events must not hide it.
  await receiver.getByText(/Complete/).waitFor()
  const [download] = await Promise.all([receiver.waitForEvent('download'), link.click()])
  assert.equal(download.suggestedFilename(), 'letter.bin')
  assert.ok((await readFile(await download.path())).equals(buffer))
  assert.ok((await dataChannelStats(receiver)).bytesReceived >= buffer.length)
}

async function watchVideo (t, url) {
  const buffer = await readFile(join(root, 'tests/page/fixtures/clip.webm'))
  const sender = await open(t, url)
  const receiver = await open(t, await choose(sender, { name: 'clip.webm', mimeType: 'video/webm', buffer }))
  await playFromMiddle(receiver.locator('#video'), STEP_MS)
}

async function chat (t, url) {
  const users = await Promise.all([open(t, url), open(t, url)])
  const log = page => page.locator('#log').textContent()
  for (const page of users) await eventually(STEP_MS, async () => (await log(page)).includes('joined'), 'that they meet')
  const [one, other] = users
  await one.locator('#text').fill('hello')
  await one.getByRole('button', { name: 'Send' }).click()
  await eventually(STEP_MS, async () => /: hello/.test((await log(other)).replace('me: hello', '')), 'the message')
}

async function watchTogether (t, url) {
  const viewers = []
  for (let i = 0; i < 3; i++) viewers.push(await open(t, 'about:blank'))
  await watchInTurn(viewers, url, STEP_MS)
  const video = viewers[2].locator('#video')
  await video.evaluate(video => video.play())
  await eventually(STEP_MS, () => video.evaluate(video => video.currentTime > 0.3), 'the stream to play')
}
