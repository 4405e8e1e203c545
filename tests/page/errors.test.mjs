// Error messages of the page, and its recovery from errors.

import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pattern, randomId, sha256, startServer } from '../support/index.mjs'
import { download, downloadButton, inMemory, inspect, notice, open, saveAllButton, saved, share, slowDown, stage } from './support.mjs'

// A name other than localhost gives an insecure context, like the address of another machine.
const FOREIGN_NAME = 'files.example.test'
const { here, withUsers } = stage({ browserArgs: [`--host-resolver-rules=MAP ${FOREIGN_NAME} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`] })
const AWAY = [/WebSocket connection to .* failed/, /net::ERR_CONNECTION_REFUSED/]

test('a lost tracker is retried, and after its return a receiver finds the sender', withUsers(2, async (alice, bob) => {
  const bytes = pattern(400_000, 20)
  let server = await startServer({ args: ['--interval', '30'] })
  try {
    const link = await share(alice.page, server.page, inMemory('patient.bin', bytes))
    await bob.page.goto(server.page, { waitUntil: 'networkidle' })
    await server.stop()
    const lost = notice(alice.page, 'Connection to the tracker lost')
    await lost.waitFor()
    await lost.getByText(/Trying again (in \d+ s|now)\./).waitFor()
    await inspect(alice.page, 'error-tracker-lost')

    // In the open page, so that nothing is loaded from the server.
    await bob.page.evaluate(hash => { location.hash = hash }, new URL(link).hash)
    await notice(bob.page, 'The tracker cannot be reached').waitFor()
    await inspect(bob.page, 'error-tracker-unreachable')

    server = await startServer({ args: ['--interval', '30'], port: server.port })
    for (const { page } of [alice, bob]) {
      await page.locator('[data-action=tracker-now]').click({ timeout: 3_000 }).catch(() => { /* it has reconnected meanwhile */ })
      await page.locator('.notice', { hasText: 'tracker' }).waitFor({ state: 'detached' })
    }
    await download(bob.page)
    assert.equal(sha256((await saved(bob.page, saveAllButton(bob.page))).bytes), sha256(bytes))
  } finally {
    await server.stop()
  }
}, { allow: AWAY }))

test('a transfer continues without the tracker', withUsers(2, async (alice, bob) => {
  const server = await startServer()
  try {
    const bytes = pattern(1_500_000, 21)
    const link = await share(alice.page, server.page, inMemory('steady.bin', bytes))
    await open(bob.page, link)
    await server.stop()
    await notice(bob.page, 'Connection to the tracker lost').waitFor()
    await download(bob.page)
    assert.equal(sha256((await saved(bob.page, saveAllButton(bob.page))).bytes), sha256(bytes))
  } finally {
    await server.stop()
  }
}, { allow: AWAY }))

test('a required token is explained, and links contain it', withUsers(3, async (alice, bob, eve) => {
  const folder = await mkdtemp(join(tmpdir(), 'swarmhub-token-'))
  const token = 'correct-horse-battery-staple'
  const file = join(folder, 'tokens')
  await writeFile(file, `${token} Ada\n`)
  const server = await startServer({ args: ['--access-tokens-file', file] })
  try {
    const needed = notice(eve.page, 'A token is needed here')
    await eve.page.goto(server.page)
    await needed.getByText('This tracker serves only clients with its token. Ask the person who gave you this address for a link with the token.').waitFor()
    // No link is offered that would not work.
    await eve.page.getByText('To share files, open this page with the token in its address.').waitFor()
    for (const name of ['Choose files', 'Choose a folder']) assert.ok(await eve.page.getByRole('button', { name }).isDisabled())
    await inspect(eve.page, 'error-token-needed')
    const bytes = pattern(200_000, 22)
    const link = await share(alice.page, `${server.page}?token=${token}`, inMemory('private.bin', bytes))
    assert.equal(new URL(link).searchParams.get('token'), token)
    assert.equal(await alice.page.getByRole('link', { name: 'swarmhub, start page' }).getAttribute('href'), `./?token=${token}`)
    await open(bob.page, link)
    await download(bob.page)
    assert.equal(sha256((await saved(bob.page, saveAllButton(bob.page))).bytes), sha256(bytes))
    // The link without its token: no message about an unreachable tracker.
    await eve.page.goto(`${server.page}?token=wrong-token-wrong-token${new URL(link).hash}`)
    await needed.waitFor()
    await eve.page.waitForEvent('console', message => /WebSocket/.test(message.text()))
    assert.equal(await notice(eve.page, 'The tracker cannot be reached').count(), 0)
    for (const { page } of [alice, bob]) assert.equal(await notice(page, 'A token is needed here').count(), 0)
  } finally {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
}, { allow: [...AWAY, /Failed to load resource.*403/] }))

test('the reason of a refusal is shown with the text of the tracker', withUsers(1, async ({ page }) => {
  await page.routeWebSocket(/announce/, socket => socket.onMessage(text => {
    const { info_hash: infoHash } = JSON.parse(String(text))
    socket.send(JSON.stringify({ action: 'announce', info_hash: infoHash, 'failure reason': 'not today' }))
  }))
  await page.goto(`${here.server.page}#${randomId()}`)
  await notice(page, 'The tracker refuses').getByText('“not today”').waitFor()
  await inspect(page, 'error-tracker-refuses')
}))

test('a link without peers says so and keeps searching', withUsers(1, async ({ page }) => {
  await page.goto(`${here.server.page}#${randomId()}`)
  await page.getByRole('heading', { level: 1, name: 'Looking for the files' }).waitFor()
  await notice(page, 'No peer has these files right now').waitFor()
  await inspect(page, 'error-nobody-there')
}))

test('a failed connection to a peer differs from having no peers', withUsers(2, async (alice, bob) => {
  const link = await share(alice.page, here.server.page, inMemory('near.bin', 'so near'))
  await bob.context.addInitScript(() => {
    RTCPeerConnection.prototype.setRemoteDescription = () => Promise.reject(new Error('no way through'))
  })
  await bob.page.goto(link)
  await notice(bob.page, 'could not be made').getByText(/firewall/).waitFor()
  await inspect(bob.page, 'error-no-connection')
}))

test('a damaged link is reported, and the start page is reachable', withUsers(1, async ({ page }) => {
  await page.goto(`${here.server.page}#0218db4d`)
  await notice(page, 'This link is incomplete').waitFor()
  await inspect(page, 'error-broken-link')
  await page.evaluate(() => { location.hash = '' })
  await page.getByRole('button', { name: 'Choose files' }).waitFor()
  assert.equal(await page.locator('.notice').count(), 0)
}))

test('plain http from another machine is explained', withUsers(1, async ({ page, problems }) => {
  await page.goto(`http://${FOREIGN_NAME}:${here.server.port}/`)
  assert.equal(await page.evaluate(() => isSecureContext), false)
  await notice(page, 'This page needs a secure address').getByText(/https/).waitFor()
  assert.equal(await page.getByRole('button', { name: 'Choose files' }).count(), 0)
  await inspect(page, 'error-insecure')
  await page.goto(`http://${FOREIGN_NAME}:${here.server.port}/check`)
  await page.locator('[data-step=browser][data-state=failed]').getByText('was opened over plain http').waitFor()
  await page.goto(`http://${FOREIGN_NAME}:${here.server.port}/connect`)
  await page.getByLabel('Address of your page').fill('https://shop.example')
  await page.getByRole('button', { name: 'Check', exact: true }).click()
  await page.locator('#own-page-state[data-state=failed]').getByText('Browsers block connections without encryption from such a page').waitFor()
  // The only foreign requests of all tests go to this server under its other name.
  assert.ok(problems.foreign.every(text => text.includes(`//${FOREIGN_NAME}:${here.server.port}/`)), problems.foreign.join())
}, { allow: [/request to (http|ws):\/\/files\.example\.test:/] }))

test('a browser without WebRTC gets an explanation', withUsers(1, async ({ page }) => {
  await page.goto(here.server.page)
  await notice(page, 'This browser cannot connect to other browsers').getByText(/WebRTC/).waitFor()
  await inspect(page, 'error-no-webrtc')
}, { init: () => { delete window.RTCPeerConnection } }))

test('full storage ends the download with advice, and a retry completes it', withUsers(2, async (alice, bob) => {
  const bytes = pattern(12_000_000, 22)
  const link = await share(alice.page, here.server.page, inMemory('heavy.bin', bytes))
  const protocol = await bob.context.newCDPSession(bob.page)
  const origin = new URL(link).origin
  await protocol.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 3_000_000 })
  await open(bob.page, link)
  await downloadButton(bob.page).click()
  // A context of the test browser behaves like a private window.
  const full = notice(bob.page, 'This window cannot hold more')
  await full.waitFor()
  await inspect(bob.page, 'error-storage-full')

  await protocol.send('Storage.overrideQuotaForOrigin', { origin })
  await full.getByRole('button', { name: 'Try again' }).click()
  await downloadButton(bob.page).click()
  await saveAllButton(bob.page).waitFor()
  assert.equal(sha256((await saved(bob.page, saveAllButton(bob.page))).bytes), sha256(bytes))
}))

test('a download that does not fit is reported before it starts', withUsers(2, async (alice, bob) => {
  const link = await share(alice.page, here.server.page, inMemory('wide.bin', pattern(2_000_000, 25)))
  await open(bob.page, link)
  await notice(bob.page, 'This window cannot hold these files').getByText('the browser gives it 500 kB; the files take 2.00 MB').waitFor()
  await inspect(bob.page, 'error-little-space')
}, { init: () => { StorageManager.prototype.estimate = async () => ({ quota: 1_500_000, usage: 1_000_000 }) } }))

test('without storage and service worker files are received in memory', withUsers(2, async (alice, bob) => {
  const bytes = pattern(900_000, 23)
  const link = await share(alice.page, here.server.page, inMemory('private.bin', bytes))
  await bob.context.addInitScript(() => {
    StorageManager.prototype.getDirectory = () => Promise.reject(new DOMException('not here', 'SecurityError'))
    ServiceWorkerContainer.prototype.register = () => Promise.reject(new DOMException('not here', 'SecurityError'))
    delete window.showSaveFilePicker
  })
  await open(bob.page, link)
  await download(bob.page)
  assert.equal(sha256((await saved(bob.page, saveAllButton(bob.page))).bytes), sha256(bytes))
  // The bundled client requests storage once too and does not catch the error.
}, { allow: [/^thrown: \s*$/] }))

test('a failed save shows its reason and can be repeated', withUsers(2, async (alice, bob) => {
  const link = await share(alice.page, here.server.page, inMemory('kept.bin', pattern(100_000, 26)))
  await open(bob.page, link)
  await download(bob.page, { savesItself: false })
  await saveAllButton(bob.page).click()
  await notice(bob.page, 'Saving failed').getByText('no such drive').waitFor()
  await inspect(bob.page, 'error-saving')
  await bob.page.evaluate(() => { window.isFixed = true })
  await saveAllButton(bob.page).click()
  await notice(bob.page, 'Saving failed').waitFor({ state: 'detached' })
}, { init: () => {
  ServiceWorkerContainer.prototype.register = () => Promise.reject(new DOMException('not here', 'SecurityError'))
  window.showSaveFilePicker = async () => ({
    createWritable: async () => {
      if (!window.isFixed) throw new Error('no such drive')
      return new WritableStream()
    }
  })
} }))

test('an unreadable drop is reported', withUsers(1, async ({ page }) => {
  await page.goto(here.server.page)
  await page.getByRole('button', { name: 'Choose files' }).waitFor()
  await page.evaluate(() => {
    DataTransferItem.prototype.webkitGetAsEntry = () => ({ isFile: true, fullPath: '/gone.txt', file: (_, failed) => failed(new DOMException('gone', 'NotFoundError')) })
    const dataTransfer = new DataTransfer()
    dataTransfer.items.add(new File(['gone'], 'gone.txt'))
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }))
  })
  await notice(page, 'A file can no longer be read').waitFor()
  await page.getByRole('button', { name: 'Choose files' }).waitFor()
}))

test('without peers a download shows no speed and no remaining time', withUsers(2, async (alice, bob) => {
  const link = await share(alice.page, here.server.page, inMemory('half.bin', pattern(6_000_000, 27)))
  await open(bob.page, link)
  await slowDown(alice.page)
  await downloadButton(bob.page).click()
  const fact = name => bob.page.locator('.fact', { hasText: name }).locator('dd')
  await fact('Down').getByText(/ kB\/s/).waitFor()
  await alice.page.goto('about:blank')
  await fact('Connected').getByText('0 peers').waitFor()
  assert.deepEqual([await fact('Down').textContent(), await fact('Time left').textContent()], ['0 B/s', 'unknown'])
}))

test('empty files alone cannot be shared', withUsers(1, async ({ page }) => {
  await page.goto(here.server.page)
  await page.getByRole('button', { name: 'Choose files' }).waitFor()
  await page.locator('input[type=file]').first().setInputFiles(inMemory('empty.txt', ''))
  await notice(page, 'Nothing to share').waitFor()
  await page.getByRole('button', { name: 'Choose files' }).waitFor()
}))

test('a file that changes after being chosen ends the share with the reason', withUsers(2, async (alice, bob) => {
  const folder = join(here.folder, 'changing')
  await mkdir(folder)
  const path = join(folder, 'draft.bin')
  await writeFile(path, pattern(600_000, 24))
  const link = await share(alice.page, here.server.page, path)
  await rm(path)
  await open(bob.page, link)
  await downloadButton(bob.page).click()
  await notice(alice.page, 'A file can no longer be read').waitFor()
  await inspect(alice.page, 'error-file-changed')
}))
