// <swarm-share> on pages of another origin than the tracker's: sharing, a strict content security policy, events, limits,
// forms, two elements, calls that end each other, links in the address, pinned versions and weight.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { eventually, pattern, randomId, root, sha256, startStatic } from '../support/index.mjs'
import { STEP_MS, download, downloadButton, inMemory, open, picture, saveAllButton, saved, stage } from './support.mjs'

/** Bytes of all responses before the first use, compressed. */
const START_BYTES_MAX = 20_000

const { here, withUsers } = stage()
const docs = readFileSync(join(root, 'docs/embed.md'), 'utf8')
const pages = {}
let site
before(async () => { site = await startStatic({ pages }) })
after(() => site?.close())

/** Replaces the address of the documentation by that of the server. */
const withServer = text => text.replaceAll('https://TRACKER', new URL(here.server.page).origin).replaceAll('wss://TRACKER', new URL(here.server.page).origin.replace('http', 'ws'))
const block = start => withServer(docs.slice(docs.indexOf(start)).split('\n```')[0])
const tags = () => block('<script type="module" src="https://TRACKER/embed.js">')
const policy = () => block('Content-Security-Policy: ').replace('Content-Security-Policy: ', '')

/** Serves a page with this body and returns its address. */
function serve (path, body, head = '') {
  pages[path] = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A shop</title>${head}</head><body>${body}</body></html>`
  return new URL(path, site.url).href
}

const ready = page => page.locator('swarm-share[data-ready]').first().waitFor()
const element = (page, call, argument) => page.locator('swarm-share').first().evaluate(call, argument)
const state = page => element(page, element => element.state)

/** Records the events of all elements as `window.events`. */
function recordEvents () {
  window.events = []
  // Downloads of the browser are easier to observe than its save dialog.
  delete window.showSaveFilePicker
  for (const type of ['shared', 'peer', 'progress', 'file', 'done', 'error']) {
    document.addEventListener(type, ({ target, detail }) => { if (target.localName === 'swarm-share') window.events.push({ ...detail, type, detail }) }, true)
  }
}

test('a page of another origin shares, and one with a strict policy receives', withUsers(2, async (alice, bob) => {
  const bytes = pattern(600_000, 40)
  const strict = serve('/strict', tags(), `<meta http-equiv="content-security-policy" content="${policy()}">`)
  const url = serve('/share', tags().replace('<swarm-share>', '<swarm-share link-base="/strict?from=mail">'))

  let weight = 0
  const sizes = []
  alice.page.on('requestfinished', request => {
    if (request.url().startsWith(here.server.page)) sizes.push(request.sizes().then(({ responseBodySize }) => { weight += responseBodySize }))
  })
  await alice.page.goto(url)
  await ready(alice.page)
  await alice.page.waitForLoadState('networkidle')
  await Promise.all(sizes)
  assert.ok(weight > 5_000 && weight <= START_BYTES_MAX, `${weight} bytes before the first use`)
  console.log(`${weight} bytes in ${sizes.length} responses before the first use`)

  await alice.page.locator('input[type=file]').first().setInputFiles(inMemory('film.bin', bytes))
  await alice.page.getByLabel('Link to this share').waitFor()
  const link = await element(alice.page, element => element.value)
  assert.match(link, new RegExp(`^${strict.replaceAll('.', '\\.')}\\?from=mail#[0-9a-f]{40}\\.[\\w-]{22}$`))
  await open(bob.page, link)
  await download(bob.page)
  assert.equal(sha256((await saved(bob.page, saveAllButton(bob.page))).bytes), sha256(bytes))
  assert.ok(await bob.page.evaluate(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('swarmhub')
    return (await Array.fromAsync(folder.keys())).length === 1
  }), 'the worker of the other origin stores the download')

  const events = await bob.page.evaluate(async () => {
    const blob = await window.events.find(({ type }) => type === 'file').detail.blob()
    return { size: blob.size, order: window.events.map(({ type }) => type), progress: window.events.filter(({ type }) => type === 'progress').at(-1).fraction }
  })
  assert.equal(events.size, bytes.length)
  assert.equal(events.progress, 1)
  assert.ok(events.order.indexOf('file') < events.order.indexOf('done'), events.order.join(' '))
  await eventually(STEP_MS, () => alice.page.evaluate(() => window.events.some(({ type, path }) => type === 'peer' && path)), 'the peer of the sender')
}, { init: recordEvents }))

test('limits, wrong attributes, forms and disabled fieldsets', withUsers(1, async ({ page }) => {
  const warnings = []
  page.on('console', message => { if (message.type() === 'warning') warnings.push(message.text()) })
  await page.goto(serve('/form', `<form><fieldset>${tags().replace('<swarm-share>', '<swarm-share name="files" max-file-size="5kB" theme="blue">')}</fieldset></form>`))
  await ready(page)
  await eventually(STEP_MS, () => warnings.some(text => text.includes('theme="blue"')), 'the warning')
  assert.deepEqual(warnings.filter(text => text.includes('theme="blue"')).length, 1)

  const refused = await element(page, element => element.share([new File([new Uint8Array(6000)], 'big.bin')]).catch(error => error.code))
  assert.equal(refused, 'file-too-big')
  await page.locator('.notice', { hasText: 'big.bin' }).filter({ hasText: '5.00 kB' }).waitFor()
  assert.deepEqual(await page.evaluate(() => window.events.map(({ type, code }) => `${type} ${code}`)), ['error file-too-big'])
  assert.equal(await state(page), 'idle')

  const shared = await element(page, element => element.share([new File(['small'], 'small.txt')]))
  assert.ok(shared.link.startsWith(`${site.url}form#${shared.infoHash}.`), shared.link)
  // It has neither name nor key.
  assert.match(shared.magnet, /^magnet:\?xt=urn:btih:[0-9a-f]{40}&tr=ws/)
  const value = () => page.evaluate(() => new FormData(document.querySelector('form')).get('files'))
  assert.equal(await value(), shared.link)
  assert.equal(await element(page, element => element.share([]).catch(error => error.code)), 'busy')
  await page.evaluate(() => document.querySelector('form').reset())
  assert.deepEqual([await state(page), await value()], ['idle', null])

  await page.evaluate(() => { document.querySelector('fieldset').disabled = true })
  assert.ok(await page.getByRole('button', { name: 'Choose files' }).isDisabled())
  assert.equal(await element(page, element => element.share([new File(['x'], 'x')]).catch(error => error.code)), 'disabled')
}, { init: recordEvents }))

test('two elements share side by side, and the page keeps its drops, anchors and styles', withUsers(1, async ({ page }) => {
  const styles = '<style>html { font-size: 3px } body { letter-spacing: 1em } * { color: rgb(255, 0, 0); font-size: 5px; text-align: right } :root { --text: red; --swarm-accent: rgb(0, 90, 0) } swarm-share::part(button) { text-transform: uppercase }</style>'
  await page.goto(serve('/two', `${tags()}<swarm-share theme="dark"></swarm-share><p id="text">Text</p>`, styles) + '#text')
  await page.locator('swarm-share[data-ready]').nth(1).waitFor()
  assert.equal(await state(page), 'idle', 'an anchor is no link')
  const look = await element(page, element => {
    const style = selector => getComputedStyle(element.shadowRoot.querySelector(selector))
    return [style('.lead').fontSize, style('.lead').letterSpacing, style('h1').color === 'rgb(255, 0, 0)', style('.button.primary').backgroundColor, style('.button.primary').textTransform]
  })
  assert.deepEqual(look, ['16px', 'normal', false, 'rgb(0, 90, 0)', 'uppercase'])
  const schemes = await page.locator('swarm-share').evaluateAll(all => all.map(element => getComputedStyle(element.shadowRoot.querySelector('.drop')).backgroundColor))
  assert.deepEqual(schemes, ['rgb(255, 255, 255)', 'rgb(27, 31, 39)'])

  const taken = await page.evaluate(() => {
    const drop = target => {
      const dataTransfer = new DataTransfer()
      dataTransfer.items.add(new File(['dropped'], 'dropped.txt'))
      return !target.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true, composed: true }))
    }
    return [drop(document.querySelector('#text')), drop(document.querySelectorAll('swarm-share')[1])]
  })
  assert.deepEqual(taken, [false, true])
  await page.getByRole('heading', { name: 'Sharing dropped.txt' }).waitFor()
  assert.equal(await state(page), 'idle', 'the first element')
  const { infoHash } = await element(page, element => element.share([new File(['own'], 'own.txt')]))
  assert.equal(await page.locator('swarm-share').nth(1).evaluate(element => element.state), 'sharing')
  await picture(page, 'embedded-two')

  const other = randomId()
  await element(page, element => element.stop())
  assert.notEqual(infoHash, other)
  await page.evaluate(hash => { location.hash = hash }, other)
  await eventually(STEP_MS, async () => await state(page) === 'finding', 'the link in the address')
  await element(page, element => element.stop())
  assert.equal(new URL(page.url()).hash, '')
}))

test('an element takes what is pasted into it, and link="none" opens no link', withUsers(1, async ({ page }) => {
  await page.goto(serve('/paste', `${tags().replace('<swarm-share>', '<swarm-share link="none">')}<input id="field">`))
  await ready(page)
  const paste = selector => page.evaluate(([selector, text]) => {
    const inner = document.querySelector('swarm-share').shadowRoot
    const clipboardData = new DataTransfer()
    clipboardData.setData('text/plain', text)
    const event = new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true, composed: true })
    return !(document.querySelector(selector) ?? inner.querySelector(selector)).dispatchEvent(event)
  }, [selector, randomId()])
  assert.deepEqual([await paste('body'), await paste('#field')], [false, false])
  assert.equal(await page.getByText('Open a link').isVisible(), false)
  assert.equal(await paste('[data-action=choose-files]'), true)
  await page.getByLabel('Text', { exact: true }).waitFor()
  assert.equal(await state(page), 'idle')
}))

test('calls that were stopped or superseded reject, and handlers may call stop', withUsers(1, async ({ page }) => {
  await page.goto(serve('/calls', tags().replace('<swarm-share>', '<swarm-share link="none">')))
  await ready(page)
  const outcome = await element(page, async element => {
    const file = name => new File([name.repeat(1000)], name)
    const named = promise => promise.then(({ infoHash }) => infoHash, error => error.name)
    const first = named(element.share([file('a')]))
    await new Promise(resolve => element.addEventListener('progress', resolve, { once: true }))
    element.stop()
    const second = named(element.share([file('b')]))
    const [a, b] = [await first, await second]
    const sent = [element.infoHash, await (await element.files[0].blob()).text()]
    element.stop()
    const opened = [named(element.open('a'.repeat(40))), named(element.open('b'.repeat(40)))]
    return { a, b, sent, opened: await Promise.all(opened), after: element.infoHash }
  })
  assert.deepEqual([outcome.a, outcome.sent], ['AbortError', [outcome.b, 'b'.repeat(1000)]])
  assert.match(outcome.b, /^[0-9a-f]{40}$/)
  assert.deepEqual(outcome.opened, ['AbortError', 'b'.repeat(40)])
  assert.equal(outcome.after, 'b'.repeat(40))

  const inHandler = await element(page, async element => {
    element.stop()
    window.events.length = 0
    element.addEventListener('progress', ({ detail }) => { if (detail.phase === 'sharing') element.stop() })
    const share = element.share([new File(['x'], 'x.txt')])
    return { error: await share.catch(error => error.name), shared: window.events.some(({ type }) => type === 'shared') }
  })
  assert.deepEqual(inHandler, { error: 'AbortError', shared: false })
  const opening = await element(page, element => {
    element.addEventListener('progress', () => element.stop(), { once: true })
    return element.open('f'.repeat(40)).catch(error => error.name)
  })
  assert.equal(opening, 'AbortError')
  assert.equal(await state(page), 'idle')
  await page.getByRole('button', { name: 'Choose files' }).waitFor()

  const late = await element(page, async element => {
    const dataTransfer = new DataTransfer()
    dataTransfer.items.add(new File(['late'], 'late.txt'))
    element.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }))
    element.stop()
    await new Promise(resolve => setTimeout(resolve))
    return element.state
  })
  assert.equal(late, 'idle', 'a drop from before the stop')

  // Settings that changed during a session are those of the next one.
  await element(page, element => element.open('d'.repeat(40)))
  const changed = page.waitForEvent('websocket', socket => socket.url().endsWith('?changed'))
  await element(page, async (element, tracker) => {
    element.tracker = tracker
    await element.open('e'.repeat(40))
  }, `${here.server.tracker}?changed`)
  await changed

  const gone = await element(page, async element => {
    const calls = [element.open('c'.repeat(40))]
    element.remove()
    return Promise.all(calls.map(call => call.then(() => 'opened', error => error.name)))
  })
  assert.deepEqual(gone, ['AbortError'])
}, { init: recordEvents }))

test('links in the address: a cut one is explained, a corrected one opens, and a failure can be closed', withUsers(2, async (alice, bob) => {
  await alice.page.goto(serve('/mine', tags()))
  await ready(alice.page)
  const { link, infoHash } = await element(alice.page, element => element.share([new File(['text'], 'fixed.txt')]))
  const { hash } = new URL(link)

  await bob.page.goto(`${site.url}mine${hash.slice(0, -3)}`)
  await bob.page.locator('.notice', { hasText: 'This link is incomplete' }).waitFor()
  assert.equal(await bob.page.evaluate(() => window.events.at(-1).code), 'link-broken')
  assert.equal(await element(bob.page, element => element.infoHash), null)
  const go = fragment => bob.page.evaluate(fragment => { location.hash = fragment }, fragment)
  await go(`#${infoHash}`)
  await bob.page.locator('.notice', { hasText: 'the link has no key' }).waitFor()
  await go(hash)
  await downloadButton(bob.page).waitFor()
  await go(hash.replace(/.{22}$/, 'AAAAAAAAAAAAAAAAAAAAAA'))
  await bob.page.locator('.notice', { hasText: 'The key does not fit' }).getByRole('button', { name: 'Close' }).click()
  await bob.page.getByRole('button', { name: 'Choose files' }).waitFor()
  assert.deepEqual([await state(bob.page), new URL(bob.page.url()).hash], ['idle', ''])
}, { init: recordEvents }))

test('an element that is moved keeps its download', withUsers(2, async (alice, bob) => {
  await alice.page.goto(serve('/moved', `${tags()}<div id="other"></div>`))
  await ready(alice.page)
  const { link } = await element(alice.page, element => element.share([new File(['x'.repeat(50_000)], 'kept.txt')]))
  await open(bob.page, link)
  await download(bob.page, { savesItself: false })
  await element(bob.page, element => document.querySelector('#other').append(element))
  // As after a reload. A download that was deleted would only be offered.
  let now = ''
  await eventually(STEP_MS, async () => ['done', 'offered'].includes(now = await state(bob.page)), 'the files')
  assert.equal(now, 'done')
}))

test('a page can pin a version, and then runs no other', withUsers(1, async ({ page }) => {
  const versions = await (await fetch(`${here.server.page}embed.json`)).json()
  // By the command of the text; curl may be missing here.
  const curl = 'type -P curl >/dev/null || curl() { node -e "fetch(process.argv[2]).then(answer => answer.text()).then(console.log)" "$@"; }'
  const absolute = JSON.parse(String(execFileSync('bash', ['-c', `${curl}\n${block('curl -s https://TRACKER/embed.json')}`])))
  assert.ok(!JSON.stringify(versions).includes(absolute.url) && absolute.url.endsWith(versions.url), absolute.url)
  const pinned = (path, map) => serve(path, '<swarm-share></swarm-share>',
    `<script type="importmap">${JSON.stringify(map)}</script><script type="module" src="${absolute.url}" integrity="${absolute.integrity}" crossorigin></script>`)
  const shares = () => element(page, element => element.share([new File(['x'], 'x.txt')]).then(() => 'shared', error => error.message))

  const loaded = new Set()
  page.on('response', response => { if (response.url().endsWith('.js')) loaded.add(response.url()) })
  await page.goto(pinned('/pinned', absolute.importMap))
  await ready(page)
  assert.equal(await shares(), 'shared')
  const unpinned = [...loaded].filter(url => !(url in absolute.importMap.integrity) && !url.endsWith('/opfs-worker.js'))
  assert.deepEqual(unpinned, [])

  const check = Object.keys(absolute.importMap.integrity).find(url => url.endsWith('/check/define.js'))
  await page.goto(serve('/pinned-check', '<swarm-check></swarm-check>',
    `<script type="importmap">${JSON.stringify(absolute.importMap)}</script><script type="module" src="${check}" integrity="${absolute.importMap.integrity[check]}" crossorigin></script>`))
  await page.locator('[data-step=tracker][data-state=good]').waitFor()
  assert.deepEqual([...loaded].filter(url => !(url in absolute.importMap.integrity) && !url.endsWith('/opfs-worker.js')), [])

  const changed = Object.keys(absolute.importMap.integrity).find(url => url.endsWith('/share/core/engine.js'))
  const wrong = { integrity: { ...absolute.importMap.integrity, [changed]: absolute.integrity } }
  await page.goto(pinned('/changed', wrong))
  await ready(page)
  assert.match(await shares(), /could not be loaded/)
}, { allow: [/integrity/] }))
