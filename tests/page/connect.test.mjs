// /connect: code with the addresses of this server, which runs as it was copied, and a mark beside each that says whether
// the tracker answers.

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { eventually, nodeModules, startServer, startStatic } from '../support/index.mjs'
import { codeBlocks } from '../support/markdown.mjs'
import { STEP_MS, inspect, overflow, stage } from './support.mjs'

const TOKEN = 'a-token-of-sixteen-or-more'
const LIBRARIES = ['webtorrent', 'webtorrent-stream', 'p2p-media-loader', 'trystero', 'p2pt', 'simple-peer']

const { here, withUsers } = stage()
const pages = {}
let site
let tokens
let folder
before(async () => {
  site = await startStatic({ pages, mounts: { '/node_modules/': nodeModules } })
  folder = await mkdtemp(join(tmpdir(), 'swarmhub-connect-'))
  const file = join(folder, 'tokens')
  await writeFile(file, `${TOKEN}\n`)
  tokens = await startServer({ args: ['--access-tokens-file', file, '--base-path', '/hub'] })
})
after(async () => {
  await Promise.all([site?.close(), tokens?.stop()])
  if (folder) await rm(folder, { recursive: true, force: true })
})

const snippet = (page, name) => page.locator(`[data-snippet=${name}]`)
const names = page => page.locator('[data-snippet]').evaluateAll(all => all.map(({ dataset }) => dataset.snippet))

/** Opens /connect and waits until each mark is as expected. */
async function openMarked (page, url, state) {
  await page.goto(url)
  await page.locator('[data-snippet]').first().waitFor()
  const marks = page.locator('[data-snippet] .state')
  await eventually(STEP_MS, () => marks.evaluateAll((all, state) => all.every(({ dataset }) => dataset.state === state), state), `all marks ${state}`)
  return await marks.allInnerTexts()
}

/** Copies the last code block of a snippet that is not of a build, as a user does. */
async function copied (page, name) {
  const block = snippet(page, name).locator('> .code').last()
  await block.getByRole('button', { name: /^Copy/ }).press('Enter')
  await block.getByText('Copied.').waitFor()
  return await page.evaluate(() => navigator.clipboard.readText())
}

/** Serves copied code as a page of another origin. */
function serve (path, code) {
  pages[path] = code.startsWith('<!doctype html>') ? code : `<!doctype html><html lang="en"><title>A shop</title><body>${code}</body></html>`
  return new URL(path, site.url).href
}

test('each snippet of the docs has the addresses of this server, and its tracker answers', withUsers(1, async ({ page }) => {
  const marks = await openMarked(page, `${here.server.page}connect`, 'good')
  for (const mark of marks) assert.match(mark, /^✓ Announced, answered in \d+ ms\.$/)
  const blocks = (await Promise.all(['docs/embed.md', 'docs/own-client.md', 'docs/check.md'].map(codeBlocks))).flat()
    .filter(({ language, marks }) => ['html', 'tsx', 'vue'].includes(language) && (marks.snippet || marks.run || marks.package))
  const marked = blocks.map(({ marks }) => marks.snippet ?? marks.run ?? marks.package)
  assert.deepEqual(await names(page), marked)
  assert.deepEqual(LIBRARIES.filter(name => !marked.includes(name)), [])

  // The code as the texts have it, which other tests run, with the addresses of this server.
  const { origin } = new URL(here.server.page)
  const tracker = `${origin.replace('http', 'ws')}/announce`
  for (const { marks, code } of blocks) {
    const card = snippet(page, marks.snippet ?? marks.run ?? marks.package)
    const expected = code.replaceAll(/https:\/\/(TRACKER|tracker\.example\.org)\/(embed\.js|check\.js|ice)/g, `${origin}/$2`)
      .replaceAll(/wss:\/\/(TRACKER|tracker\.example\.org)/g, tracker).replaceAll('https://TRACKER', `${origin}/`)
    assert.equal(await card.locator('> .code').last().locator('code').textContent(), expected.trimEnd())
    if (/from '[^.]|import '[^.]/.test(code) || /node_modules/.test(code)) {
      if (marks.run !== 'webtorrent-stream') await card.getByText(/^(#.*\n.*\n)?npm install /).first().waitFor()
    }
  }
  await snippet(page, 'p2p-media-loader').getByText('alias').waitFor({ state: 'attached' })
  await snippet(page, 'vue').getByText('isCustomElement').waitFor({ state: 'attached' })
  await page.locator('#addresses').getByText('this machine only').waitFor()
  await inspect(page, 'connect')
  await page.setViewportSize({ width: 320, height: 780 })
  await page.emulateMedia({ colorScheme: 'dark' })
  await openMarked(page, `${here.server.page}connect`, 'good')
  await inspect(page, 'connect-phone')
  assert.equal(await overflow(page), 0)
}))

test('copied code runs on a page of another origin', withUsers(1, async ({ context, page }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write', 'microphone'])
  await openMarked(page, `${here.server.page}connect`, 'good')
  const element = await copied(page, 'swarm-share')
  const library = await copied(page, 'webtorrent')
  await page.goto(serve('/element', element))
  await page.getByRole('button', { name: 'Choose files' }).waitFor()
  await page.goto(serve('/library', library))
  await page.locator('#choose').setInputFiles({ name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('a letter') })
  await page.getByText(/^The tracker has answered/).waitFor()
}))

test('a page that may not copy selects the code', withUsers(1, async ({ page }) => {
  await page.addInitScript(() => { navigator.clipboard.writeText = () => Promise.reject(new Error('denied')) })
  await openMarked(page, `${here.server.page}connect`, 'good')
  await snippet(page, 'swarm-share').getByRole('button', { name: /^Copy/ }).click()
  await page.getByText(/The text is selected/).waitFor()
  assert.match(await page.evaluate(() => getSelection().toString()), /<swarm-share>/)
}))

test('the page says whether the tracker serves the page of a developer', withUsers(1, async ({ page }) => {
  const server = await startServer({ args: ['--origin', 'https://shop.example', '--origin', 'http://shop.example'] })
  try {
    await page.goto(`${server.page}connect`)
    const field = page.getByLabel('Address of your page')
    const expectOutcome = async (address, state, text) => {
      await field.fill(address)
      await field.press('Enter')
      await page.locator(`#own-page-state[data-state=${state}]`).getByText(text).waitFor()
    }
    await expectOutcome('nonsense://', 'failed', 'This is not the address of a web page.')
    assert.equal(await field.getAttribute('aria-invalid'), 'true')
    await expectOutcome('https://evil.example/a/b?c', 'failed', 'The tracker does not serve pages of https://evil.example.')
    await page.getByText('add this origin to the setting origin').waitFor()
    await inspect(page, 'connect-page-refused')
    await expectOutcome('http://shop.example', 'warning', 'at http:// browsers switch off what file sharing needs')
    await expectOutcome('shop.example', 'good', 'This tracker serves pages of https://shop.example.')
    await page.goto(`${here.server.page}connect`)
    await expectOutcome('localhost:3000', 'good', 'This tracker serves pages of http://localhost:3000.')
    await page.route('**/api/v1/check**', route => route.fulfill({ body: 'A proxy' }))
    await expectOutcome('shop.example', 'failed', 'Another server answered.')
    await page.unroute('**/api/v1/check**')
    await page.route('**/api/v1/check**', route => route.abort())
    await expectOutcome('shop.example', 'failed', 'The server did not answer.')
  } finally {
    await server.stop()
  }
}, { allow: [/ERR_FAILED/] }))

test('the token of the page is in the code; without it each mark says that it is missing', withUsers(1, async ({ page }) => {
  const [mark] = await openMarked(page, `${tokens.page}connect`, 'failed')
  assert.match(mark, /^✕ The tracker needs a token, and the address has none\./)
  const [good] = await openMarked(page, `${tokens.page}connect?token=${TOKEN}`, 'good')
  assert.match(good, /answered in \d+ ms/)
  const code = await snippet(page, 'p2pt').innerText()
  assert.ok(code.includes(`${tokens.page.replace('http', 'ws')}announce?token=${TOKEN}`), code)
  assert.ok((await snippet(page, 'swarm-share').innerText()).includes(`${tokens.page}embed.js?token=${TOKEN}`))
}, { allow: [/403/] }))

test('a server that stops is seen at the next announce', withUsers(1, async ({ page }) => {
  const server = await startServer()
  await openMarked(page, `${server.page}connect`, 'good')
  await server.stop()
  const failed = page.locator('.state[data-state=failed]').first()
  await failed.waitFor()
  assert.match(await failed.innerText(), /^✕ Nothing answers at 127\.0\.0\.1:\d+: the server is down/)
}, { allow: [/./] }))
