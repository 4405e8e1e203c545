// Files that are added to a running share: one new link has all of them, and the earlier link goes on working.

import assert from 'node:assert/strict'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually, pattern, sha256 } from '../support/index.mjs'
import { STEP_MS, download, downloadButton, inMemory, inspect, linkOf, notice, open, overflow, picture, row, saveAllButton, saved, share, slowDown, stage } from './support.mjs'

const { here, withUsers } = stage()
const ADDED = 'You added files, so this is a new link'

const input = page => page.locator('swarm-add-files input[type=file]')
const element = (page, call, argument) => page.locator('swarm-share').evaluate(call, argument)

/** Waits for another link than this one. */
async function newLink (page, earlier) {
  await eventually(STEP_MS, async () => await linkOf(page) !== earlier, 'another link')
  return linkOf(page)
}

/** Makes hashing slow enough to be observed, while `window.__slowHashes` is set. */
function slowHashes () {
  const { digest } = SubtleCrypto.prototype
  SubtleCrypto.prototype.digest = async function (...args) {
    while (window.__slowHashes) await new Promise(resolve => setTimeout(resolve, 20))
    return digest.apply(this, args)
  }
}
const setSlow = (page, isSlow) => page.evaluate(isSlow => { window.__slowHashes = isSlow }, isSlow)

for (const [look, context] of Object.entries({
  light: {}, 'phone-dark': { viewport: { width: 320, height: 640 }, hasTouch: true, isMobile: true, colorScheme: 'dark' }
})) {
  test(`added files get a new link, and receivers of the earlier one finish: ${look}`, withUsers(3, async (alice, bob, carol) => {
    const first = pattern(2_000_000, 90)
    const link = await share(alice.page, here.server.page, inMemory('first.bin', first))
    await open(bob.page, link)
    await slowDown(alice.page)
    await downloadButton(bob.page).click()
    await row(alice.page, 'Receiver 1').waitFor()

    await setSlow(alice.page, true)
    await input(alice.page).setInputFiles(inMemory('second.txt', 'second'))
    await alice.page.getByText('Preparing a new link to all files').waitFor()
    assert.equal(await linkOf(alice.page), link, 'the link stays until the new one works')
    assert.equal(await overflow(alice.page), 0)
    await inspect(alice.page, `adding-${look}`)
    await setSlow(alice.page, false)
    const both = await newLink(alice.page, link)
    const [[hash, key], [otherHash, otherKey]] = [link, both].map(text => new URL(text).hash.split('.'))
    assert.ok(hash !== otherHash && key !== otherKey, 'another content has another key')
    await alice.page.getByText(ADDED).waitFor()
    await row(alice.page, 'Receiver 1').getByText('of an earlier link').waitFor()
    await row(alice.page, 'second.txt').waitFor()

    await open(carol.page, both)
    await row(carol.page, 'second.txt').waitFor()
    await row(alice.page, 'Receiver 2').waitFor()
    assert.equal(await overflow(alice.page), 0)
    await inspect(alice.page, `added-${look}`)
    await slowDown(alice.page, false)
    await saveAllButton(bob.page).waitFor()
    const { bytes } = await saved(bob.page, saveAllButton(bob.page))
    assert.equal(sha256(bytes), sha256(first), 'the receiver of the earlier link has everything of it')
    await download(carol.page)
  }, { user: { context }, init: slowHashes }))
}

test('dropped and pasted files are added, texts are not, and a folder is added again with what is new', withUsers(1, async ({ page }) => {
  const link = await share(page, here.server.page, inMemory('one.txt', 'one'))
  const send = (type, files, text = '') => page.evaluate(([type, files, text]) => {
    const data = new DataTransfer()
    for (const [name, content] of files) data.items.add(new File([content], name, { lastModified: 1 }))
    if (text) data.setData('text/plain', text)
    const init = { bubbles: true, cancelable: true, composed: true }
    document.body.dispatchEvent(type === 'drop' ? new DragEvent('drop', { ...init, dataTransfer: data }) : new ClipboardEvent('paste', { ...init, clipboardData: data }))
  }, [type, files, text])
  await send('drop', [['two.txt', 'two']])
  const second = await newLink(page, link)
  await send('paste', [['three.txt', 'three']])
  const third = await newLink(page, second)
  assert.deepEqual((await element(page, element => element.files.map(({ name }) => name))).sort(), ['one.txt', 'three.txt', 'two.txt'])
  await page.getByText('2 earlier links also work').waitFor()

  await send('paste', [], 'a text')
  await notice(page, 'Nothing was pasted').waitFor()
  // The same file again is nothing new.
  const same = await element(page, async element => (await element.add([new File(['two'], 'two.txt', { lastModified: 1 })])).link)
  assert.deepEqual([same, await linkOf(page)], [third, third])
  // Nor is one that is added twice at once, such as by two drops.
  const names = await element(page, async element => {
    const add = () => element.add([new File(['four'], 'four.txt', { lastModified: 1 })])
    const links = await Promise.all([add(), add()])
    return [links[0].link === links[1].link, ...element.files.map(({ name }) => name).sort()]
  })
  assert.deepEqual(names, [true, 'four.txt', 'one.txt', 'three.txt', 'two.txt'])

  // Links of this page, also earlier ones, do not end the share if they are opened here.
  const last = await linkOf(page)
  for (const own of [link, third, last]) {
    await page.evaluate(hash => { location.hash = hash }, new URL(own).hash)
    await eventually(STEP_MS, () => page.evaluate(hash => location.hash !== hash, new URL(own).hash), 'the address from before')
    assert.equal(await linkOf(page), last)
  }
}))

test('if a file that was added is gone, the earlier link goes on working', withUsers(2, async (alice, bob) => {
  const { page } = alice
  const link = await share(page, here.server.page, inMemory('kept.txt', 'kept'))
  const path = join(here.folder, 'goes.bin')
  await writeFile(path, pattern(100_000, 2))
  await input(page).setInputFiles(path)
  const both = await newLink(page, link)
  await rm(path)
  await element(page, element => {
    window.__links = []
    element.addEventListener('shared', ({ detail }) => window.__links.push(detail.link))
  })
  await open(bob.page, both)
  await downloadButton(bob.page).click()
  await notice(page, 'A file can no longer be read').getByText('The link from before goes on working').waitFor()
  assert.equal(await linkOf(page), link)
  assert.deepEqual(await page.evaluate(() => window.__links), [link])
  assert.equal(await element(page, element => element.state), 'sharing')
  await inspect(page, 'fell-back')
  await notice(page, 'A file can no longer be read').getByRole('button', { name: 'Close' }).click()
  await eventually(STEP_MS, async () => await notice(page, 'A file can no longer be read').count() === 0, 'the notice is closed')
  await bob.page.goto('about:blank')
  await open(bob.page, link)
  await download(bob.page)

  // Files can be added again.
  await input(page).setInputFiles(inMemory('more.txt', 'more'))
  await newLink(page, link)
  assert.deepEqual((await element(page, element => element.files.map(({ name }) => name))).sort(), ['kept.txt', 'more.txt'])
}))

test('files that cannot be read are refused, and a preparation can be cancelled; the share goes on', withUsers(2, async (alice, bob) => {
  const { page } = alice
  const link = await share(page, here.server.page, inMemory('kept.txt', 'kept'))
  const folder = join(here.folder, 'gone')
  await mkdir(folder)
  const path = join(folder, 'gone.bin')
  await writeFile(path, pattern(1_000, 1))
  await page.evaluate(() => {
    const { arrayBuffer } = Blob.prototype
    Blob.prototype.arrayBuffer = async function () {
      await window.__gone
      return arrayBuffer.call(this)
    }
    window.__gone = new Promise(resolve => { window.__go = resolve })
  })
  await input(page).setInputFiles(path)
  await page.getByText('Preparing a new link').waitFor()
  await rm(path)
  await page.evaluate(() => window.__go())
  await notice(page, 'A file can no longer be read').waitFor()
  await inspect(page, 'adding-failed')
  await notice(page, 'A file can no longer be read').getByRole('button', { name: 'Close' }).click()
  await eventually(STEP_MS, async () => await notice(page, 'A file can no longer be read').count() === 0, 'the notice is closed')

  // A drop that cannot be read does not end the share either.
  await element(page, element => element.shadowRoot.dispatchEvent(new CustomEvent('drop-failed', { detail: new DOMException('gone', 'NotFoundError') })))
  await notice(page, 'A file can no longer be read').waitFor()
  assert.equal(await linkOf(page), link)

  await setSlow(page, true)
  await input(page).setInputFiles(inMemory('unwanted.txt', 'x'))
  await page.locator('[data-action=stop-adding]').click()
  await setSlow(page, false)
  await eventually(STEP_MS, async () => !await page.getByText('Preparing a new link').isVisible(), 'the preparation has ended')
  // The next addition is not disturbed by the cancelled one.
  await input(page).setInputFiles(inMemory('wanted.txt', 'y'))
  await newLink(page, link)
  assert.deepEqual((await element(page, element => element.files.map(({ name }) => name))).sort(), ['kept.txt', 'wanted.txt'])
  await open(bob.page, link)
  await row(bob.page, 'kept.txt').waitFor()
}, { init: slowHashes }))

test('a program adds files: events, limits, calls meanwhile, and the end of all', withUsers(1, async ({ page }) => {
  await page.goto(here.server.page)
  await page.getByRole('button', { name: 'Choose files' }).waitFor()
  const outcome = await element(page, async element => {
    const file = (name, text = name) => new File([text], name)
    const coded = promise => promise.then(({ link }) => link, error => error.name === 'ShareError' ? error.code : error.name)
    const shared = []
    element.addEventListener('shared', ({ detail }) => shared.push(detail.link))
    // Nothing is shared yet: it acts like share. The second call does not wait, and both get the same link.
    const [first, joined] = await Promise.all([coded(element.add([file('a.txt')])), coded(element.add([file('b.txt')]))])
    const phases = new Set()
    const onProgress = ({ detail }) => phases.add(`${element.state} ${detail.phase}`)
    element.addEventListener('progress', onProgress)
    const second = await coded(element.add([file('c.txt')]))
    element.removeEventListener('progress', onProgress)
    const names = element.files.map(({ name }) => name).join()
    element.maxFiles = 3
    const tooMany = await coded(element.add([file('d.txt')]))
    const stillShared = element.value
    element.maxFiles = null
    element.maxTotalSize = 20
    const tooBig = await coded(element.add([file('e.txt', 'e'.repeat(10))]))
    element.maxTotalSize = null
    element.disabled = true
    const disabled = await coded(element.add([file('f.txt')]))
    element.disabled = false
    const busy = await coded(element.share([file('g.txt')]))
    const ended = coded(element.add([file('h.txt')]))
    element.stop()
    const cut = await ended
    const state = element.state
    element.open('a'.repeat(40)).catch(() => {})
    const receiving = await coded(element.add([file('i.txt')]))
    element.stop()
    return { first, joined, second, shared, phases: [...phases], names, tooMany, stillShared, tooBig, disabled, busy, cut, state, receiving }
  })
  assert.equal(outcome.joined, outcome.first)
  assert.notEqual(outcome.second, outcome.first)
  assert.deepEqual(outcome.shared, [outcome.first, outcome.second], 'one event for each link')
  assert.ok(outcome.phases.includes('sharing hashing'), outcome.phases.join())
  assert.equal(outcome.names, 'a.txt,b.txt,c.txt')
  assert.equal(outcome.stillShared, outcome.second)
  const { tooMany, tooBig, disabled, busy, cut, state, receiving } = outcome
  assert.deepEqual({ tooMany, tooBig, disabled, busy, cut, state, receiving }, {
    tooMany: 'too-many-files', tooBig: 'files-too-big', disabled: 'disabled', busy: 'busy', cut: 'AbortError', state: 'idle', receiving: 'busy'
  })
}))

test('password and expiry stay when files are added, and a program unlocks the share', withUsers(2, async (alice, bob) => {
  await alice.page.goto(here.server.page)
  await alice.page.getByRole('button', { name: 'Choose files' }).waitFor()
  const { links, codes } = await element(alice.page, async element => {
    const file = name => new File([name], name)
    const code = options => element.share([file('x')], options).then(() => 'shared', error => error.code)
    const codes = [await code({ password: 7 }), await code({ lifetime: -5 }), await code({ password: null })]
    const first = await element.share([file('a.txt')], { password: 'open sesame', lifetime: 3_600_000.4 })
    // Half an hour later.
    const { now } = Date
    Date.now = () => now() + 1_800_000
    const second = await element.add([file('b.txt')])
    return { links: [first.link, second.link], codes }
  })
  assert.deepEqual(codes, ['option-invalid', 'option-invalid', 'option-invalid'])
  for (const link of links) assert.match(link, /p$/)
  await alice.page.getByText(/Expires in (30|29) min/).waitFor()

  await bob.page.goto(links[1])
  await bob.page.getByRole('heading', { level: 1, name: 'A password is needed' }).waitFor()
  const answers = await element(bob.page, async element => {
    const errors = []
    element.addEventListener('error', ({ detail }) => errors.push(detail.code))
    const unlock = password => element.unlock(password).then(() => 'open', error => error.code)
    return { answers: [await unlock('wrong'), await unlock('worse'), await unlock('open sesame'), await unlock('again')], errors }
  })
  assert.deepEqual(answers, { answers: ['password-wrong', 'password-wrong', 'open', 'not-locked'], errors: ['password-wrong', 'password-wrong'] })
  await row(bob.page, 'b.txt').waitFor()
  await bob.page.getByText(/Expires in/).waitFor()
  await picture(bob.page, 'unlocked')

  // Both end at the time of the first one.
  await bob.page.goto('about:blank')
  await bob.page.goto(links[0])
  await bob.page.getByLabel('Password', { exact: true }).fill('open sesame')
  await bob.page.getByRole('button', { name: 'Open' }).click()
  await row(bob.page, 'a.txt').waitFor()
  await alice.page.evaluate(() => {
    const { now } = Date
    Date.now = () => now() + 3_700_000
  })
  await notice(alice.page, 'This share has expired').waitFor()
  await eventually(STEP_MS, () => element(alice.page, element => element.infoHash === null), 'the end of the share')
}))

test('options that a program leaves out are those of the visitor, and others change nothing', withUsers(1, async ({ page }) => {
  for (const options of [null, { password: undefined }, { encrypt: false, expires: 1, hasNewLink: true }, { lifetime: 3_600_000 }]) {
    await page.goto(here.server.page)
    await page.getByText('Options', { exact: true }).click()
    await page.getByLabel('Password', { exact: true }).fill('typed')
    const link = await element(page, async (element, options) => (await element.share([new File(['x'], 'x.txt')], options)).link, options)
    assert.match(link, /\.[\w-]{22}p$/, JSON.stringify(options))
  }
  await page.getByText(/Expires in (60|59) min|Expires in 1 h/).waitFor()
}))

test('what is set as info-hash before the element is on the page is parsed', withUsers(1, async ({ page }) => {
  await page.goto(here.server.page)
  await page.getByRole('button', { name: 'Choose files' }).waitFor()
  const hashes = await page.evaluate(() => ['magnet:?xt=urn:btih:', 'https://hub.example/#'].map(start => {
    const element = document.createElement('swarm-share')
    element.infoHash = start + 'A'.repeat(40)
    return element.infoHash
  }))
  assert.deepEqual(hashes, ['a'.repeat(40), 'a'.repeat(40)])
}))

test('files that are set are shared, before and after the element is on the page, and not during a session', withUsers(1, async ({ page }) => {
  const warnings = []
  page.on('console', message => { if (message.type() === 'warning') warnings.push(message.text()) })
  await page.goto(here.server.page)
  await page.getByRole('button', { name: 'Choose files' }).waitFor()
  const names = await page.evaluate(async () => {
    const element = document.createElement('swarm-share')
    element.link = 'none'
    element.files = [new File(['early'], 'early.txt')]
    const shared = new Promise(resolve => element.addEventListener('shared', resolve, { once: true }))
    document.querySelector('main').append(element)
    await shared
    const early = element.files.map(({ name }) => name)
    element.files = [new File(['late'], 'late.txt')]
    element.files = null
    element.files = []
    await new Promise(resolve => setTimeout(resolve, 100))
    return [early, element.files.map(({ name }) => name)]
  })
  assert.deepEqual(names, [['early.txt'], ['early.txt']])
  assert.equal(warnings.filter(text => text.includes('<swarm-share>')).length, 1)
}))
