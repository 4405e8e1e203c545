// The sharing page as an installed app: its manifest, what the system's share sheet posts to it, and notifications.

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { eventually, newUserOnDisk, pattern, startServer, startStatic } from '../support/index.mjs'
import { STEP_MS, download, inspect, linkOf, notice, open, overflow, picture, row, saveAllButton, saved, share, stage, inMemory } from './support.mjs'

const TOKEN = 'correct-horse-battery-staple'
const { here, withUsers } = stage({ serverArgs: ['--interval', '30', '--base-path', '/hub'] })
const pages = {}
let site
before(async () => { site = await startStatic({ pages }) })
after(() => site?.close())

/** Address of the page under the base path. */
const hub = (rest = '') => new URL(`hub/${rest}`, here.server.page).href

/** Opens the page, whose service worker then answers posts. */
async function install (page, address) {
  await page.goto(address)
  await page.getByRole('button', { name: 'Choose files' }).waitFor()
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready
    if (!navigator.serviceWorker.controller) await new Promise(resolve => navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true }))
  })
}

const offer = (page, title) => notice(page, title)
const shareButton = (page, title) => offer(page, title).getByRole('button', { name: 'Share', exact: true })

/** Posts a form as the system's share sheet does. @param {{ files?: string[], text?: string, title?: string }} what `files`: paths */
async function post (page, action, { files = [], text = '', title = '' } = {}) {
  pages['/form'] = `<!doctype html><html lang="en"><title>An app</title><form method="post" enctype="multipart/form-data" action="${action}">
    <input type="file" name="files" multiple><input name="title" value="${title}"><textarea name="text">${text}</textarea><input name="url"><button>Send</button></form></html>`
  await page.goto(new URL('/form', site.url).href)
  await page.locator('input[type=file]').setInputFiles(files)
  await page.getByRole('button', { name: 'Send' }).click()
}

async function file (name, bytes) {
  const path = join(here.folder, name)
  await writeFile(path, bytes)
  return path
}

test('the page can be installed, also under a path and with a token', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'swarmhub-install-'))
  const tokens = join(folder, 'tokens')
  await writeFile(tokens, `${TOKEN}\n`)
  const server = await startServer({ args: ['--base-path', '/hub', '--access-tokens-file', tokens] })
  let user
  try {
    // A context in memory is like a private window, which installs nothing.
    user = await newUserOnDisk(join(folder, 'profile'), { isWhole: true })
    const { page } = user
    const address = new URL(`hub/?token=${TOKEN}`, server.page).href
    await install(page, address)
    const cdp = await user.context.newCDPSession(page)
    await cdp.send('Page.enable')
    // The browser may still load the manifest that the page named before its script ran.
    let found
    const manifestUrl = new URL(`hub/manifest.webmanifest?page=/hub/&token=${TOKEN}`, server.page).href
    await eventually(STEP_MS, async () => (found = await cdp.send('Page.getAppManifest')).url === manifestUrl, 'the manifest with the token')
    assert.deepEqual(found.errors, [])
    const manifest = JSON.parse(found.data)
    assert.equal(new URL(manifest.start_url, found.url).href, address)
    assert.equal(new URL(manifest.share_target.action, found.url).href, new URL(`hub/share-target?token=${TOKEN}`, server.page).href)
    // The identity has no token: a new token updates the app, in place of a second one.
    const { appId } = await cdp.send('Page.getAppId')
    assert.equal(appId, new URL('hub/', server.page).href)
    assert.equal(manifest.lang, 'en')
    const { installabilityErrors } = await cdp.send('Page.getInstallabilityErrors')
    assert.deepEqual(installabilityErrors, [])

    // Every icon exists and has the size that it claims.
    const sizes = await page.evaluate(async ([icons, base]) => Promise.all(icons.map(async ({ src, sizes, type }) => {
      const response = await fetch(new URL(src, base))
      const image = new Image()
      image.src = URL.createObjectURL(await response.blob())
      await image.decode()
      return [response.status, response.headers.get('content-type') === type, sizes === 'any' || sizes === `${image.naturalWidth}x${image.naturalHeight}`]
    })), [manifest.icons, found.url])
    assert.equal(sizes.length, 5)
    for (const size of sizes) assert.deepEqual(size, [200, true, true])

    // Others do not get the token.
    const plain = await (await fetch(new URL('hub/manifest.webmanifest', server.page))).text()
    assert.ok(!plain.includes(TOKEN) && !plain.includes('{{'), plain)
    user.assertClean()
  } finally {
    await user?.close()
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
})

test('files that another app shares are prepared, and their receivers get them', withUsers(2, async (alice, bob) => {
  await install(alice.page, hub('?token=abc'))
  const bytes = pattern(300_000, 95)
  await post(alice.page, hub('share-target?token=abc'), { files: [await file('photo.jpg', bytes), await file('note.txt', 'hello')], text: 'a caption' })
  // Any site can post here, so nothing is shared before a click, for which the user can set a password.
  await offer(alice.page, 'Share these 2 files?').waitFor()
  assert.equal(await alice.page.locator('swarm-share').evaluate(element => element.state), 'idle')
  assert.equal(await overflow(alice.page), 0)
  await inspect(alice.page, 'offered-by-an-app')
  await alice.page.getByText('Options', { exact: true }).click()
  await alice.page.getByLabel('The share expires').selectOption({ index: 1 })
  await shareButton(alice.page, 'Share these 2 files?').click()
  const link = await linkOf(alice.page)
  await alice.page.getByText(/Expires in/).waitFor()
  assert.equal(await offer(alice.page, 'Share these 2 files?').count(), 0)
  await row(alice.page, 'photo.jpg').waitFor()
  await row(alice.page, 'note.txt').waitFor()
  assert.equal(alice.page.url(), hub('?token=abc'), 'the address keeps the token, and loses the id')
  assert.ok(link.startsWith(hub('?token=abc#')), link)
  await picture(alice.page, 'shared-from-an-app')
  await open(bob.page, link)
  await download(bob.page)
  assert.equal((await saved(bob.page, saveAllButton(bob.page))).name.endsWith('.zip'), true)
}, { allow: [/403/] }))

test('a shared text is shared as a text, and a shared link is opened', withUsers(2, async (alice, bob) => {
  await install(alice.page, hub())
  await post(alice.page, hub('share-target'), { title: 'A page', text: 'https://example.org/' })
  assert.equal(await alice.page.getByLabel('Text', { exact: true }).inputValue(), 'A page\nhttps://example.org/')
  await alice.page.getByRole('button', { name: 'Share the text' }).click()
  const link = await linkOf(alice.page)
  await row(alice.page, 'text.txt').waitFor()
  assert.equal(await alice.page.locator('swarm-share').evaluate(async element => (await element.files[0].blob()).text()), 'A page\nhttps://example.org/')

  await install(bob.page, hub())
  await post(bob.page, hub('share-target'), { title: 'Look', text: link })
  await row(bob.page, 'text.txt').waitFor()
  assert.equal(bob.page.url(), link)
}))

test('what was posted is handed over once, and its loss is explained', withUsers(1, async ({ page }) => {
  await install(page, hub())
  const ids = []
  page.on('request', request => {
    const id = new URL(request.url()).searchParams.get('received')
    if (id) ids.push(id)
  })
  await post(page, hub('share-target'), { files: [await file('once.txt', 'once')] })
  await offer(page, 'Share this file?').waitFor()
  assert.equal(ids.length, 1)
  // The worker has forgotten the files, also for who knows the id.
  await page.goto(hub(`?received=${ids[0]}`))
  await notice(page, 'Nothing arrived').waitFor()
  await picture(page, 'nothing-arrived')
  assert.equal(page.url(), hub())
  await post(page, hub('share-target'))
  await notice(page, 'Nothing arrived').waitFor()
}))

test('without a service worker the server reads no file, and the page says that nothing arrived', withUsers(1, async ({ page }) => {
  await post(page, hub('share-target?token=abc'), { files: [await file('private.txt', 'private')] })
  await notice(page, 'Nothing arrived').waitFor()
  assert.equal(page.url(), hub('?token=abc'))
}, { allow: [/403/], init: () => { ServiceWorkerContainer.prototype.register = () => Promise.reject(new DOMException('not here', 'SecurityError')) } }))

/** What this origin stores in the browser: caches, databases, files, and texts. */
const stored = page => page.evaluate(async () => {
  const files = []
  const walk = async folder => {
    for await (const [name, handle] of folder.entries()) handle.kind === 'file' ? files.push(name) : await walk(handle)
  }
  await walk(await navigator.storage.getDirectory())
  const databases = (await indexedDB.databases()).map(({ name }) => name)
  return [await caches.keys(), databases, files, Object.keys({ ...localStorage, ...sessionStorage })]
})

test('the worker takes only posts that open a page, and nothing that was posted is stored', withUsers(1, async ({ page }) => {
  await install(page, hub())
  const before = await stored(page)
  const isRefused = await page.evaluate(async () => {
    const form = new FormData()
    form.append('files', new File(['x'], 'x'))
    const posted = await fetch('share-target', { method: 'POST', body: form })
    return posted.url.includes('received=none')
  })
  assert.equal(isRefused, true, 'only a navigation opens a page that takes the files')

  await post(page, hub('share-target'), { files: [await file('secret.bin', pattern(200_000, 97))] })
  await offer(page, 'Share this file?').waitFor()
  assert.deepEqual(await stored(page), before, 'while the files wait for a click')
  assert.deepEqual(before[0], [], 'no cache')
  await shareButton(page, 'Share this file?').click()
  await linkOf(page)
  // The key of the share is remembered, for the same link after a reload, and no file.
  const [, databases, ...rest] = await stored(page)
  assert.deepEqual([databases, rest], [['swarmhub-shares'], [[], before[3]]])
  const kept = await page.evaluate(() => new Promise((resolve, reject) => {
    const request = indexedDB.open('swarmhub-shares')
    request.onerror = () => reject(request.error)
    request.onsuccess = () => {
      const all = request.result.transaction('shares').objectStore('shares').getAll()
      all.onsuccess = () => resolve(all.result.map(share => Object.keys(share).sort()))
    }
  }))
  assert.deepEqual(kept, [['contentSalt', 'expires', 'id', 'indexSalt', 'infoHash', 'key', 'usedAt']])
}))

test('what other sites post is not shared, and no key is forgotten for it', withUsers(1, async ({ page }) => {
  await install(page, hub())
  for (const name of ['one.txt', 'two.txt']) {
    await post(page, hub('share-target'), { files: [await file(name, name)] })
    await offer(page, 'Share this file?').getByText(name).waitFor()
  }
  assert.equal(await page.locator('swarm-share').evaluate(element => element.state), 'idle')
  // Another choice takes its place.
  await share(page, hub(), inMemory('own.txt', 'own'))
  assert.equal(await offer(page, 'Share this file?').count(), 0)
  assert.deepEqual(await page.locator('swarm-share').evaluate(element => element.files.map(({ name }) => name)), ['own.txt'])
}))

test('a worker from before this version is replaced, and a copy without the flag takes no posts', withUsers(1, async ({ page }) => {
  const script = () => page.evaluate(async () => (await navigator.serviceWorker.getRegistration('/hub/'))?.active?.scriptURL)
  // A page of the server without scripts of its own.
  await page.goto(hub('healthz'))
  await page.evaluate(async url => {
    await navigator.serviceWorker.register(url)
    await navigator.serviceWorker.ready
  }, hub('sw.js'))
  await eventually(STEP_MS, async () => await script() === hub('sw.js'), 'the worker from before')
  await post(page, hub('share-target'), { files: [await file('ignored.txt', 'x')] })
  await notice(page, 'Nothing arrived').waitFor()
  // The page has put its own worker in its place.
  await eventually(STEP_MS, async () => await script() === hub('sw.js?share-target'), 'the worker of the page')
  assert.equal(await page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length), 1)
  await post(page, hub('share-target'), { files: [await file('taken.txt', 'x')] })
  await offer(page, 'Share this file?').getByText('taken.txt').waitFor()
}, { allow: [/favicon\.ico/] }))

/** As in Chromium on Android: only a service worker can show a notification. */
function asOnAndroid () {
  window.Notification = class {
    static requestPermission () { return Promise.resolve('granted') }

    constructor () { throw new TypeError('Illegal constructor') }
  }
  window.__shown = []
  ServiceWorkerRegistration.prototype.showNotification = async function (title, options) { window.__shown.push({ title, ...options }) }
}

test('a click on a notification of the service worker shows the page that it is about', withUsers(2, async (alice, bob) => {
  await install(alice.page, hub())
  const link = await share(alice.page, hub(), inMemory('told.bin', pattern(100_000, 96)))
  await alice.page.getByRole('button', { name: 'Tell me when done' }).click()
  await open(bob.page, link)
  await download(bob.page)
  const [shown] = await eventually(STEP_MS, () => alice.page.evaluate(() => window.__shown.length && window.__shown), 'the notification')
  assert.equal(shown.title, 'A receiver has everything')

  // The worker gets the click of the system as an event.
  const worker = alice.context.serviceWorkers()[0]
  const focused = await worker.evaluate(async data => {
    const seen = []
    const { focus } = WindowClient.prototype
    WindowClient.prototype.focus = async function () { seen.push(this.id) }
    const waiting = []
    const event = Object.assign(new Event('notificationclick'), {
      notification: { data, close: () => seen.push('closed') }, waitUntil: promise => waiting.push(promise)
    })
    self.dispatchEvent(event)
    await Promise.all(waiting)
    WindowClient.prototype.focus = focus
    return seen
  }, shown.data)
  assert.deepEqual(focused, ['closed', shown.data.clientId])
}, { init: asOnAndroid }))
