// A page of another site that the tracker refuses reads why: over a WebSocket, from webtorrent, from <swarm-share>, and from
// the check. What <swarm-share> itself refuses there, or cannot reach. The tracker's own pages are served although no list
// names them.

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { WebSocketServer } from 'ws'
import { nextEvent, randomId, root, startServer, startStatic, within } from '../support/index.mjs'
import { STEP_MS, inMemory, notice, open, share, stage } from './support.mjs'

const REASON = 'Pages of this origin may not use this tracker'
/** The console has each refused request. */
const EXPECTED = [/WebSocket connection to .* failed/, /Failed to load resource/, /blocked by CORS policy/]
const LIBRARY = '/vendor/webtorrent/webtorrent.min.js'

const { here, withUsers } = stage({ serverArgs: ['--interval', '30', '--origin', 'https://other.example'] })
const pages = { '/': '<!doctype html><title>Another site</title>' }
let site
before(async () => {
  const mounts = { '/vendor/': join(root, 'web/vendor/'), '/web/': join(root, 'web/') }
  site = await startStatic({ pages, mounts })
})
after(() => site.close())

/** Opens a WebSocket and returns what the page learns. Runs in the page. @param {string} url */
const knock = url => new Promise(resolve => {
  const socket = new WebSocket(url)
  const messages = []
  socket.onmessage = ({ data }) => messages.push(JSON.parse(data))
  socket.onclose = ({ code, reason }) => resolve({ messages, code, reason })
})

/** Seeds a file with webtorrent and returns its first warning. Runs in the page. */
const seed = async ([library, tracker]) => {
  const { default: WebTorrent } = await import(library)
  const client = new WebTorrent()
  const torrent = client.seed(new File(['text'], 'a.txt'), { announce: [tracker] })
  const warning = await new Promise(resolve => torrent.on('warning', resolve))
  client.destroy()
  return warning.message
}

test('a page of another site reads why it is refused', withUsers(1, async ({ page }) => {
  const { tracker, page: hub } = here.server
  await page.goto(site.url)
  const { messages, code, reason } = await page.evaluate(knock, tracker)
  assert.equal(code, 4001)
  assert.match(reason, new RegExp(REASON))
  assert.deepEqual(messages, [{ action: reason, 'failure reason': reason }])
  assert.match(await page.evaluate(seed, [LIBRARY, tracker]), new RegExp(REASON))
  const check = await page.evaluate(async url => (await fetch(url)).json(), `${hub}api/v1/check`)
  assert.deepEqual(check.origin, { origin: site.url.slice(0, -1), state: 'denied', reason })
  assert.equal(check.token.state, 'not_needed')
  assert.equal(check.websocket_url, new URL('/', tracker).href)
}))

/**
 * Opens a share with the element of a server that refuses the page, and waits for the words of the server.
 * @param {import('playwright-core').Page} page @param {string[]} args of the server @param {string} query of the script @param {RegExp} reason
 * @param {boolean} [isSilent] whether the server has told the address often enough, and refuses without a word
 */
async function expectRefusal (page, args, query, reason, isSilent = false) {
  // A new one, because an address is told a few times only.
  const server = await startServer({ args: ['--interval', '30', ...args] })
  try {
    pages['/element'] = `<!doctype html><title>Another site</title><script type="module" src="${server.page}embed.js${query}"></script><swarm-share link="none"></swarm-share>`
    if (isSilent) {
      await page.goto(site.url)
      for (let messages = 0; (await page.evaluate(knock, server.tracker)).messages.length > 0; messages++) assert.ok(messages < 10)
    }
    await page.goto(`${site.url}element`)
    const error = await page.locator('swarm-share').evaluate((element, hash) => new Promise((resolve, reject) => {
      element.addEventListener('error', ({ detail }) => { if (detail.code.startsWith('tracker')) resolve(detail) })
      customElements.whenDefined('swarm-share').then(() => element.open(hash)).catch(reject)
    }), randomId())
    assert.equal(error.code, 'tracker-refused')
    assert.match(error.remedy, reason)
    const shown = notice(page, 'The tracker refuses')
    await shown.waitFor()
    // It stays until the tracker serves the page, also while the page waits for the next attempt, and after it.
    const socket = await page.waitForEvent('websocket')
    // A refused handshake is an error of the socket.
    if (!socket.isClosed()) await socket.waitForEvent('close').catch(() => {})
    assert.ok(await shown.isVisible())
  } finally {
    await server.stop()
  }
}

test('the element shows the words of a tracker that refuses its page', withUsers(1, async ({ page }) => {
  await expectRefusal(page, ['--origin', 'https://other.example'], '', new RegExp(`“${REASON}`))
}, { allow: EXPECTED }))

test('it asks a tracker that refuses its page without a word', withUsers(1, async ({ page }) => {
  await expectRefusal(page, ['--origin', 'https://other.example'], '', new RegExp(`“${REASON}`), true)
}, { allow: EXPECTED }))

test('the element shows the words of a tracker that needs a token', withUsers(1, async ({ page }) => {
  const folder = await mkdtemp(join(tmpdir(), 'swarmhub-refusal-'))
  const file = join(folder, 'tokens')
  await writeFile(file, 'correct-horse-battery-staple Ada\n')
  try {
    await expectRefusal(page, ['--access-tokens-file', file], '', /“.*token/i)
    await expectRefusal(page, ['--access-tokens-file', file], '?token=wrong-token-wrong-token', /“.*token.*not valid/i)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}, { allow: EXPECTED }))

/**
 * Opens a share with an element that does not reach its tracker, and returns what the page says.
 * @param {import('playwright-core').Page} page @param {string} tracker @param {string} head of the page
 */
async function expectUnreachable (page, tracker, head = '') {
  pages['/away'] = `<!doctype html><title>Another site</title>${head}<script type="module" src="${here.server.page}embed.js"></script><swarm-share tracker="${tracker}" link="none"></swarm-share>`
  await page.goto(`${site.url}away`)
  const error = await page.locator('swarm-share').evaluate((element, hash) => new Promise((resolve, reject) => {
    element.addEventListener('error', ({ detail }) => resolve(detail))
    customElements.whenDefined('swarm-share').then(() => element.open(hash)).catch(reject)
  }), randomId())
  assert.equal(error.code, 'tracker-unreachable')
  const shown = notice(page, 'The tracker cannot be reached')
  await shown.waitFor()
  assert.ok((await shown.innerText()).includes(error.remedy.split(' Trying')[0]))
  return error.remedy
}

test('the element says why it does not reach its tracker', withUsers(1, async ({ page }) => {
  const gone = await startStatic()
  await gone.close()
  assert.match(await expectUnreachable(page, `ws://127.0.0.1:${gone.port}/`), /^Nothing answers at 127\.0\.0\.1:\d+: the server is down/)
  const { host } = new URL(site.url)
  assert.ok((await expectUnreachable(page, `ws://${host}/`)).startsWith(`${host} answers, but opens no WebSocket`))
  const { origin } = new URL(here.server.page)
  const policy = `<meta http-equiv="Content-Security-Policy" content="connect-src 'self' ${origin}">`
  assert.match(await expectUnreachable(page, `ws://${host.replace('127.0.0.1', 'localhost')}/`, policy), /connect-src needs ws:\/\/localhost:\d+ http:\/\/localhost:\d+\./)
  // The violation was wanted.
  await page.goto('about:blank')
}, { allow: [...EXPECTED, /Content Security Policy/] }))

test('the element names the certificate of a tracker that browsers do not trust', withUsers(1, async ({ page }) => {
  const server = await startServer({ args: ['--listen', 'tls+127.0.0.1:0', '--tls-self-signed'] })
  try {
    const remedy = await expectUnreachable(page, `wss://127.0.0.1:${server.port}/`)
    assert.match(remedy, new RegExp(`^Nothing answers at 127\\.0\\.0\\.1:${server.port}: .* its certificate`))
  } finally {
    await server.stop()
  }
}, { user: { context: { ignoreHTTPSErrors: false } }, allow: [...EXPECTED, /ERR_CERT/] }))

test('the element says that its tracker opens a WebSocket and does not answer', withUsers(2, async (alice, bob) => {
  const silent = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await nextEvent(STEP_MS, silent, 'listening')
  const host = `127.0.0.1:${silent.address().port}`
  pages['/silent'] = `<!doctype html><title>Another site</title><script type="module" src="${here.server.page}embed.js"></script><swarm-share tracker="ws://${host}/" link="none"></swarm-share>`
  try {
    for (const [{ page }, use] of [
      [alice, element => element.share([new File(['text'], 'a.txt')])],
      [bob, element => element.open('ab'.repeat(20))]
    ]) {
      await page.clock.install()
      await page.goto(`${site.url}silent`)
      await page.locator('swarm-share[data-ready]').waitFor()
      const announced = nextEvent(STEP_MS, silent, 'connection').then(socket => nextEvent(STEP_MS, socket, 'message', 'the announce'))
      await page.locator('swarm-share').evaluate(element => element.addEventListener('error', ({ detail }) => { window.lastError = detail }))
      await page.locator('swarm-share').evaluate(use)
      await announced
      const shown = notice(page, 'The tracker cannot be reached')
      assert.equal(await shown.count(), 0)
      await page.clock.runFor(11_000)
      await shown.getByText(`${host} opens a WebSocket, but does not answer`).waitFor()
      const { code, remedy } = await page.evaluate(() => window.lastError)
      assert.equal(code, 'tracker-unreachable')
      assert.ok((await shown.innerText()).includes(remedy))
      assert.equal(await notice(page, 'No peer has these files').count(), 0)
    }
  } finally {
    for (const socket of silent.clients) socket.terminate()
    silent.close()
    await Promise.all([alice, bob].map(({ page }) => page.goto('about:blank')))
  }
}, { allow: EXPECTED }))

test('the element says what is wrong with its page, its attributes and a file', withUsers(1, async ({ page }) => {
  const codeOf = (script, attributes, file) => within(STEP_MS, page.evaluate(async ([script, attributes, file]) => {
    if (script) await import(script)
    const element = document.createElement('swarm-share')
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
    const code = new Promise(resolve => element.addEventListener('error', ({ detail }) => resolve(detail.code)))
    document.body.append(element)
    const used = file ? element.share([new File(['x'], file)]) : element.open('ab'.repeat(20))
    used.catch(() => {})
    return await code
  }, [script, attributes, file]), `an error for ${JSON.stringify(attributes)}`)
  await page.goto(site.url)
  assert.equal(await codeOf(`${here.server.page}embed.js`, { accept: 'image/*' }, 'letter.txt'), 'type-not-accepted')
  await notice(page, 'letter.txt').first().waitFor()

  const server = await startServer({ args: ['--listen', 'tls+127.0.0.1:0', '--tls-self-signed'] })
  try {
    // An encrypted page, which has the element.
    await page.goto(server.page)
    await page.getByRole('button', { name: 'Choose files' }).waitFor()
    assert.equal(await codeOf('', { tracker: 'ws://tracker.example/' }), 'tracker-insecure')
    await notice(page, 'The tracker has no secure address').getByText('ws:// (tracker.example)').waitFor()
  } finally {
    await server.stop()
  }
}, { allow: [...EXPECTED, /Mixed Content|SSL certificate/] }))

test('an element that names no tracker says so, and with one what it refuses to share', withUsers(1, async ({ page }) => {
  pages['/copy'] = '<!doctype html><title>A copy of the scripts</title><script type="module" src="/web/embed/define.js"></script><swarm-share></swarm-share>'
  await page.goto(`${site.url}copy`)
  await page.locator('swarm-share[data-ready]').waitFor()
  /** Shares `count` files with names of `length`, and expects these words and codes. */
  const expectNotice = async (code, title, { attributes = {}, count = 1, length = 1, options } = {}) => {
    const { rejected, error } = await page.locator('swarm-share').evaluate(async (element, [attributes, count, length, options]) => {
      for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
      let error
      element.addEventListener('error', ({ detail }) => { error = detail }, { once: true })
      const files = Array.from({ length: count }, (_, i) => new File(['text'], `${i}`.padEnd(length, '_')))
      const rejected = await element.share(files, options).then(() => null, ({ code }) => code)
      for (const name of Object.keys(attributes)) element.removeAttribute(name)
      return { rejected, error }
    }, [attributes, count, length, options])
    assert.deepEqual([rejected, error.code, error.severity, error.cause], [code, code, 'error', title])
    assert.ok((await notice(page, title).innerText()).includes(error.remedy))
  }
  await expectNotice('server-missing', 'This page names no tracker')
  await page.locator('swarm-share').evaluate((element, tracker) => { element.tracker = tracker }, here.server.page)
  await notice(page, 'This page names no tracker').waitFor({ state: 'detached' })

  await expectNotice('files-too-big', 'These files are too big together', { attributes: { 'max-total-size': '5' }, count: 2 })
  await expectNotice('too-many-files', 'At most 1 file here', { attributes: { multiple: 'false' }, count: 2 })
  await expectNotice('option-invalid', 'An option cannot be used', { options: { password: 7 } })
  await expectNotice('disabled', 'Sharing is switched off here', { attributes: { disabled: '' } })
  // The names take more than 10 MB.
  await expectNotice('share-too-large', 'These are too many files', { count: 2_600, length: 4_000 })
}, { allow: EXPECTED }))

test('the own sharing page is served although the list does not name it', withUsers(2, async (alice, bob) => {
  await open(bob.page, await share(alice.page, here.server.page, inMemory('own.txt', 'its own page')))
}))
