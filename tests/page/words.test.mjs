// The words of <swarm-share>: an invented language proves that every text can be replaced; attribute `lang` and property
// `words`, before and after the start.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { eventually, pattern, randomId, startStatic } from '../support/index.mjs'
import { STEP_MS, contentOf, inMemory, inspect, overflow, saveAllButton, slowDown, stage } from './support.mjs'

const { here, withUsers } = stage()
const pages = {}
let site
before(async () => { site = await startStatic({ pages }) })
after(() => site?.close())

const catalogOf = async language => {
  const parts = [`${language}-start`, language].map(name => import(`../../web/share/words/${name}.js`))
  return Object.assign({}, ...(await Promise.all(parts)).map(part => part.default))
}
const german = await catalogOf('de')
/** Every text in brackets. */
const INVENTED = Object.fromEntries(Object.keys(german).map(text => [text, `⟦${text}⟧`]))

/** Serves a page with an element, and with a script that runs before the element is defined. */
function serve (path, { attributes = '', lang = 'en', script = '' } = {}) {
  pages[path] = `<!doctype html><html lang="${lang}"><head><meta charset="utf-8"><title>A shop</title></head><body><swarm-share ${attributes}></swarm-share><script>${script}</script><script type="module" src="${here.server.page}embed.js"></script></body></html>`
  return new URL(path, site.url).href
}
const invented = (path, attributes) => serve(path, { attributes, script: `document.querySelector('swarm-share').words = ${JSON.stringify(INVENTED)}` })

const ready = page => page.locator('swarm-share[data-ready]').first().waitFor()
const element = (page, call, argument) => page.locator('swarm-share').first().evaluate(call, argument)
const action = (page, id) => page.locator(`[data-action=${id}]:visible`).first()

/** Returns what a visitor sees, and what a screen reader reads. @param {import('playwright-core').Page} page */
const textsOf = page => element(page, element => {
  const texts = []
  const root = element.shadowRoot
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT)
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const owner = node instanceof Element ? node : node.parentElement
    if (!owner.checkVisibility() || owner.closest('.preview-text, textarea')) continue
    if (node instanceof Text) texts.push(node.data)
    else for (const name of ['aria-label', 'title', 'placeholder', 'alt']) if (node.hasAttribute(name)) texts.push(node.getAttribute(name))
  }
  return texts.filter(text => text.trim())
})

const NAMES = /\b(clip\.webm( \(\+\d\))?|list\.txt|new\.txt)/g
/** Numbers with and without units, and punctuation. */
const NEUTRAL = /^(?:[\s\d.,:;·–+()↑↓%]|\b[kM]?B(\/s)?\b)*$/

/** Whether everything but names, numbers and links is in brackets, which may be nested. @param {string} text */
function isWorded (text) {
  let rest = text.replace(NAMES, '').replace(/https?:\/\/\S+/g, '')
  for (let last = ''; rest !== last;) [last, rest] = [rest, rest.replace(/⟦[^⟦⟧]*⟧/g, '')]
  return NEUTRAL.test(rest)
}

/** Asserts that the element shows nothing but invented words. @param {import('playwright-core').Page} page @param {number} [least] texts at least */
async function assertInvented (page, state, least = 1) {
  const texts = await textsOf(page)
  assert.deepEqual(texts.filter(text => !isWorded(text)), [], state)
  const count = texts.filter(text => text.includes('⟦')).length
  assert.ok(count >= least, `${count} texts in "${state}": ${texts.join(' | ')}`)
}

/** Runs before the scripts of a page: records questions, the words of errors, and titles. */
function record () {
  delete window.showSaveFilePicker
  window.said = []
  window.confirm = text => { window.said.push(text); return true }
  document.addEventListener('error', ({ detail }) => { if (detail?.code) window.said.push(detail.cause, detail.remedy) }, true)
  document.addEventListener('share-title', ({ detail }) => window.said.push(detail), true)
}
const assertSaid = async (page, least) => {
  const said = (await page.evaluate(() => window.said)).filter(Boolean)
  assert.deepEqual(said.filter(text => !isWorded(text)), [])
  assert.ok(said.length >= least, said.join(' | '))
}
const allow = [/words.*does not have/]

test('the check of this test finds a text that is not replaced', () => {
  assert.ok(isWorded('⟦{n} ⟦files⟧⟧, 5.00 MB · clip.webm'))
  assert.ok(!isWorded('⟦Sharing⟧ files'))
  assert.ok(!isWorded('2 files'))
})

test('all words of a start view and of its failures can be replaced before the element starts', withUsers(1, async ({ page }) => {
  await page.goto(invented('/start', 'max-file-size="5kB"'))
  await ready(page)
  await assertInvented(page, 'start', 6)
  for (const summary of await page.locator('summary').all()) {
    await summary.click()
    await page.locator('details[open] .hint').first().waitFor({ state: 'attached' })
    await assertInvented(page, await summary.textContent())
  }
  await page.locator('summary', { hasText: 'Open a link' }).click()
  await page.locator('#open-link').fill('nonsense')
  await action(page, 'open-link').click()
  await page.getByText('⟦This is no link').waitFor()

  await page.locator('input[type=file]').first().setInputFiles(inMemory('clip.webm', pattern(6000, 1)))
  await page.locator('.notice', { hasText: 'is too big⟧' }).waitFor()
  await assertInvented(page, 'a refused file')
  await page.locator('input[type=file]').first().setInputFiles(inMemory('list.txt', ''))
  await page.locator('.notice', { hasText: '⟦Nothing to share⟧' }).waitFor()
  await assertInvented(page, 'an empty file')
  await element(page, element => element.open('nonsense').catch(() => {}))
  await page.locator('.notice', { hasText: '⟦This link is incomplete⟧' }).waitFor()
  await assertInvented(page, 'a broken link')
  const message = await element(page, element => element.open('x').catch(error => error.message))
  assert.equal(message, '⟦This link is incomplete⟧')
  await assertSaid(page, 6)
}, { init: record, allow }))

test('all words of a browser without WebRTC, and of a lost tracker, can be replaced', withUsers(2, async (alice, bob) => {
  await alice.page.addInitScript(() => { delete window.RTCPeerConnection })
  await alice.page.goto(invented('/old'))
  await alice.page.locator('.notice.error').waitFor()
  await assertInvented(alice.page, 'unsupported', 2)

  await bob.page.goto(invented('/alone', 'tracker="ws://127.0.0.1:9/"'))
  await ready(bob.page)
  await element(bob.page, (element, id) => element.open(id).then(() => {}), randomId())
  await bob.page.locator('.notice', { hasText: 'cannot be reached⟧' }).waitFor()
  await assertInvented(bob.page, 'no tracker', 5)
}, { init: record, allow: [/ERR_|WebSocket|refused/i, ...allow] }))

test('all words of a transfer can be replaced', withUsers(2, async (alice, bob) => {
  const url = invented('/transfer')
  await alice.page.goto(url)
  await ready(alice.page)
  await alice.page.locator('summary', { hasText: '⟦Options⟧' }).click()
  await alice.page.locator('#share-password').fill('secret')
  await alice.page.locator('#share-expiry').selectOption({ index: 2 })
  await alice.page.locator('input[type=file]').first().setInputFiles([inMemory('clip.webm', pattern(12_000_000, 2)), inMemory('list.txt', 'towels')])
  await action(alice.page, 'copy').waitFor()
  await assertInvented(alice.page, 'sharing', 15)
  // The download takes longer than the checks during it, also on a busy machine.
  await slowDown(alice.page, 30)

  await bob.page.goto(await element(alice.page, element => element.value))
  await bob.page.locator('#receiver-password').fill('wrong')
  await action(bob.page, 'unlock').click()
  await bob.page.getByText('⟦This password does not fit').waitFor()
  await assertInvented(bob.page, 'locked', 5)
  await bob.page.locator('#receiver-password').fill('secret')
  await action(bob.page, 'unlock').click()
  await action(bob.page, 'download').waitFor()
  await assertInvented(bob.page, 'offered', 15)
  const saving = bob.page.waitForEvent('download')
  await action(bob.page, 'download').click()
  await eventually(STEP_MS, () => element(bob.page, element => element.files.some(({ have }) => have > 500_000)), 'a part')
  // First what ends with the download.
  for (const { page } of [alice, bob]) {
    await action(page, 'tell-me').click()
    await page.locator('swarm-done-notice .hint', { hasText: '⟦' }).waitFor()
  }
  await assertInvented(bob.page, 'downloading', 20)
  await alice.page.locator('.peer').waitFor()
  await assertInvented(alice.page, 'a receiver', 20)
  await slowDown(alice.page, false)
  await contentOf(await saving)
  await action(bob.page, 'open').waitFor()
  await bob.page.locator('[data-action=open]:visible').last().click()
  await action(bob.page, 'copy-text').click()
  await assertInvented(bob.page, 'done', 20)
  await alice.page.locator('swarm-add-files input').setInputFiles(inMemory('new.txt', 'news'))
  await alice.page.locator('.earlier', { hasText: '⟦You added files' }).waitFor()
  await assertInvented(alice.page, 'with added files', 20)
  await action(alice.page, 'stop').click()
  await action(alice.page, 'choose-files').waitFor()
  await assertInvented(alice.page, 'after the end', 6)
  await assertSaid(alice.page, 2)
  await assertSaid(bob.page, 2)
}, { init: record, allow }))

test('a change of the words shows at once everywhere, and keeps what was entered', withUsers(2, async (alice, bob) => {
  for (const { page } of [alice, bob]) {
    await page.goto(serve('/change', { attributes: 'link="fragment"' }))
    await ready(page)
  }
  const set = (page, words) => element(page, (element, words) => { element.words = words }, words)
  const invent = async (page, state, least) => {
    await set(page, INVENTED)
    // The assertion says more than a late end.
    await eventually(10_000, async () => (await textsOf(page)).every(isWorded), state).catch(() => {})
    await assertInvented(page, state, least)
  }
  const revert = async page => {
    await set(page, null)
    await eventually(STEP_MS, async () => (await textsOf(page)).every(text => !text.includes('⟦')), 'English')
  }
  await alice.page.locator('summary', { hasText: 'Options' }).click()
  await alice.page.locator('#share-password').fill('kept')
  await invent(alice.page, 'options', 8)
  assert.equal(await alice.page.locator('#share-password').inputValue(), 'kept')
  await alice.page.locator('#share-password').fill('')
  await revert(alice.page)

  await element(bob.page, element => element.open('nonsense').catch(() => {}))
  await bob.page.locator('.notice').waitFor()
  await invent(bob.page, 'a notice', 7)
  await revert(bob.page)

  const { link } = await element(alice.page, element => element.share([new File(['one'.repeat(900)], 'list.txt')]))
  await invent(alice.page, 'sharing', 15)
  await bob.page.goto(link)
  await action(bob.page, 'download').click()
  await saveAllButton(bob.page).waitFor()
  await action(bob.page, 'open').click()
  await bob.page.locator('.preview-text', { hasText: 'oneone' }).waitFor()
  await invent(bob.page, 'done', 15)
  assert.ok(await bob.page.locator('.preview-text').isVisible(), 'the preview stays open')
}, { init: record, allow }))

test('the language is the nearest lang, changes at once, and is loaded only where it is needed', withUsers(1, async ({ page }) => {
  const loaded = []
  page.on('request', request => { if (/\/words\/|language\.js/.test(request.url())) loaded.push(request.url().split('/').at(-1)) })
  const heading = () => element(page, element => element.shadowRoot.querySelector('h1').textContent)
  const shows = text => eventually(STEP_MS, async () => await heading() === text, text)
  const german = 'Dateien teilen, von Browser zu Browser'
  const spanish = 'Compartir archivos, de navegador a navegador'

  await page.goto(serve('/lang', { lang: 'en-GB' }))
  await ready(page)
  assert.equal(await heading(), 'Share files, browser to browser')
  assert.deepEqual(loaded, [])
  await page.evaluate(() => { document.documentElement.lang = 'de-AT' })
  await shows(german)
  assert.deepEqual(loaded, ['language.js', 'de-start.js'])
  await element(page, element => { element.lang = 'es' })
  await shows(spanish)
  await element(page, element => { element.lang = 'fr' })
  await shows('Share files, browser to browser')
  // Screen readers pronounce what is shown.
  assert.equal(await element(page, element => element.shadowRoot.querySelector('.content').lang), 'en')
  await element(page, element => element.removeAttribute('lang'))
  await shows(german)
  assert.ok(!loaded.includes('de.js'), 'the rest comes with the first use')
  await element(page, element => element.share([new File(['text'], 'list.txt')]))
  await page.getByRole('heading', { name: 'list.txt wird geteilt' }).waitFor()
  await page.evaluate(() => { document.documentElement.lang = 'es' })
  await page.getByRole('heading', { name: 'Compartiendo list.txt' }).waitFor()
  await page.getByRole('button', { name: 'Dejar de compartir' }).waitFor()

  // The first element decides for all, until it leaves.
  await page.evaluate(() => {
    const second = document.createElement('swarm-share')
    second.lang = 'de'
    document.querySelector('swarm-share').after(second)
  })
  await page.locator('swarm-share[data-ready]').nth(1).waitFor()
  const second = page.locator('swarm-share').nth(1).getByRole('heading')
  assert.equal(await second.textContent(), spanish)
  await element(page, element => element.remove())
  await page.getByRole('heading', { name: german }).waitFor()

  // In a shadow root, whose host has the language.
  await page.goto(serve('/shadow', { lang: 'es', script: `
    const box = document.createElement('div')
    box.lang = 'de'
    const section = document.createElement('section')
    section.append(document.querySelector('swarm-share'))
    box.attachShadow({ mode: 'open' }).append(section)
    document.body.prepend(box)` }))
  await page.getByRole('heading', { name: german }).waitFor()
  await page.locator('section').evaluate(section => { section.lang = 'en' })
  await page.getByRole('heading', { name: 'Share files, browser to browser' }).waitFor()
}))

test('equal words set nothing again, and an error of one change does not stop the next', withUsers(1, async ({ page }) => {
  const set = words => element(page, (element, words) => { element.words = words }, words)
  const showing = name => page.getByRole('button', { name, exact: true }).waitFor()
  await page.goto(serve('/again'))
  await ready(page)
  await set({ 'Choose files': 'One' })
  await showing('One')
  await element(page, element => {
    window.redraws = 0
    element.shadowRoot.addEventListener('language', () => window.redraws++)
  })
  await set({ 'Choose files': 'One' })
  await set({ 'Choose files': 'Two' })
  await showing('Two')
  assert.equal(await page.evaluate(() => window.redraws), 1)

  await element(page, element => {
    element.shadowRoot.querySelector = () => {
      delete element.shadowRoot.querySelector
      window.hasFailed = true
      throw new Error('a redraw fails')
    }
  })
  await set({ 'Choose files': 'Three' })
  await eventually(STEP_MS, () => page.evaluate(() => window.hasFailed), 'the error')
  await set({ 'Choose files': 'Three' })
  await showing('Three')
  await set(null)
  await showing('Choose files')
}))

test('a text that the element does not have is one warning, and a wrong word breaks nothing', withUsers(1, async ({ page }) => {
  const warnings = []
  page.on('console', message => { if (message.type() === 'warning') warnings.push(message.text()) })
  await page.goto(serve('/wrong', { lang: 'de', script: `document.querySelector('swarm-share').words = { 'Choose files': 'Nimm', 'Chose files': 'Oh', Save: null, 'Link copied': 7, 'Sharing {name}': '{nom}!', '{n} files': { one: 5, other: n => n } }` }))
  await ready(page)
  await page.getByRole('button', { name: 'Nimm' }).waitFor()
  await page.getByRole('button', { name: 'Ordner auswählen' }).waitFor()
  await element(page, element => element.share([new File(['text'], 'list.txt')]))
  await page.getByRole('heading', { name: '{nom}!' }).waitFor()
  await page.getByText('1 Datei, 4 B').waitFor()
  await eventually(STEP_MS, () => warnings.length > 0, 'the warning')
  await element(page, element => { element.words = { ...element.words } })
  assert.deepEqual(warnings.filter(text => text.includes('swarm-share')), ['<swarm-share>: "words" has a text that the element does not have: "Chose files".'])
}, { allow }))

/** The texts of controls and files that are wider than their card. @param {import('playwright-core').Page} page */
const sticksOut = page => element(page, element => [...element.shadowRoot.querySelectorAll('.card, .drop')].flatMap(card => {
  const { right } = card.getBoundingClientRect()
  const parts = [...card.querySelectorAll('button, input, select, progress, .file, .notice')].filter(part => part.checkVisibility())
  return parts.filter(part => part.getBoundingClientRect().right > right - 1).map(part => part.textContent || part.className)
}))

/**
 * Returns a function that finds the English texts of a catalog in a text: as whole words, of four letters at least, and not
 * those that the language has too, such as "Link".
 * @param {Record<string, string | Record<string, string>>} catalog
 */
function englishIn (catalog) {
  const own = Object.values(catalog).flatMap(text => typeof text === 'string' ? [text] : Object.values(text)).join('\n').replace(/\{\w+\}/g, '')
  const partsOf = text => text.split(/\{\w+\}/).map(part => part.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, ''))
  const has = (text, part) => new RegExp(`(?<!\\p{L})${part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?!\\p{L})`, 'u').test(text)
  const parts = [...new Set(Object.keys(catalog).flatMap(partsOf))].filter(part => part.length >= 4 && !has(own, part))
  return text => parts.filter(part => has(text, part))
}

test('the check for English finds a part of a text', () => {
  const english = englishIn(german)
  assert.deepEqual(english('list.txt wird geteilt. Keep this page open. 2 files').sort(), ['Keep this page open', 'files'])
  assert.deepEqual(english('Den Link kopieren, Download fortsetzen'), [])
  assert.ok(english('x: complete, and checked piece by piece.').length > 0)
})

const SHOWN = {
  de: { title: 'swarmhub: Dateien teilen, von Browser zu Browser', options: 'Optionen', footer: 'Verbindung prüfen', fact: 'Schneller mit mehr' },
  es: { title: 'swarmhub: compartir archivos, de navegador a navegador', options: 'Opciones', footer: 'Comprobar la conexión', fact: 'Más rápido con más' }
}
for (const [language, shown] of Object.entries(SHOWN)) {
  const context = { locale: `${language}-${language.toUpperCase()}`, viewport: { width: 320, height: 640 }, hasTouch: true, isMobile: true }

  test(`the sharing page speaks the language of the browser, on a phone: ${language}`, withUsers(2, async (alice, bob) => {
    const see = async ({ page }, state) => {
      assert.equal(await overflow(page), 0, `"${state}" is wider than the screen`)
      assert.deepEqual(await sticksOut(page), [], `parts of "${state}" stick out of their card`)
      await inspect(page, `words-${language}-${state}`)
    }
    await alice.page.goto(here.server.page)
    await ready(alice.page)
    assert.equal(await alice.page.evaluate(() => document.documentElement.lang), context.locale)
    await eventually(STEP_MS, async () => await alice.page.title() === shown.title, 'the title')
    for (const text of [shown.footer, shown.fact]) await alice.page.getByText(text).waitFor()
    await see(alice, 'start')
    for (const summary of await alice.page.locator('summary').all()) {
      await summary.click()
      await alice.page.locator('details[open] .hint').first().waitFor({ state: 'attached' })
    }
    await see(alice, 'options')
    await alice.page.locator('input[type=file]').first().setInputFiles([inMemory('clip.webm', pattern(3_000_000, 2)), inMemory('list.txt', 'towels')])
    await action(alice.page, 'copy').waitFor()
    const link = await element(alice.page, element => element.value)
    await bob.page.goto(link)
    await action(bob.page, 'download').waitFor()
    await see(bob, 'offered')
    await slowDown(alice.page)
    await action(bob.page, 'download').click()
    await eventually(STEP_MS, () => element(bob.page, element => element.files.some(({ have }) => have > 500_000)), 'a part')
    await see(bob, 'receiving')
    await see(alice, 'sharing')
    await slowDown(alice.page, false)
    await saveAllButton(bob.page).waitFor()
    await see(bob, 'done')
    const english = englishIn(await catalogOf(language))
    for (const { page } of [alice, bob]) {
      const texts = [...await textsOf(page), ...await page.locator('body').innerText().then(text => text.split('\n'))]
      assert.deepEqual(texts.flatMap(english), [], 'left in English')
    }
  }, { user: { context } }))
}

test('the sharing page is in the first language that it has, else in English', withUsers(1, async ({ page, context }) => {
  for (const [languages, lang] of [[['fr-FR', 'es', 'de'], 'es'], [['fr'], 'en'], [['en-US', 'de'], 'en-US']]) {
    const other = await context.newPage()
    await other.addInitScript(languages => Object.defineProperty(Navigator.prototype, 'languages', { get: () => languages }), languages)
    await other.goto(here.server.page)
    await ready(other)
    assert.equal(await other.evaluate(() => document.documentElement.lang), lang)
    await other.close()
  }
  await page.goto(here.server.page)
}))
