// Every text of <swarm-share> and the sharing page is in each catalog, once, with the same placeholders.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { formatBytes, formatDuration, tn } from '../common/format.js'
import { filled, setWords, t } from '../common/words.js'
import { usable } from '../embed/language.js'
import { privacyText } from '../share/lib/encryption-texts.js'
import { worded } from '../share/lib/worded.js'
import { usedWords } from './used-words.mjs'

const FOLDER = new URL('../share/words/', import.meta.url)
const LANGUAGES = readdirSync(FOLDER).flatMap(name => /^(\w+)\.js$/.exec(name)?.[1] ?? [])
const { used, dynamic } = usedWords()
const load = async name => (await import(new URL(`${name}.js`, FOLDER))).default
const placeholders = text => [...text.matchAll(/\{\w+\}/g)].map(([name]) => name).sort()

test('the element knows the languages that have a catalog', () => {
  const source = name => readFileSync(new URL(`../embed/${name}.js`, import.meta.url), 'utf8')
  const selector = /TRANSLATED = '(.+)'/.exec(source('share-element'))?.[1]
  assert.equal(selector, LANGUAGES.map(language => `:lang(${language})`).join(', '))
  const loaded = [...source('language').matchAll(/import\('\.\.\/share\/words\/([\w-]+)\.js'\)/g)].map(
    ([, name]) => name
  )
  assert.deepEqual(
    loaded,
    LANGUAGES.flatMap(language => [`${language}-start`, language])
  )
})

test('the text of every call is a literal', () => {
  assert.deepEqual(dynamic, [])
  assert.ok(used.length > 250, String(used.length))
})

for (const language of LANGUAGES) {
  test(`the catalog "${language}" is complete, has nothing else, and keeps the placeholders`, async () => {
    const [start, rest] = [await load(`${language}-start`), await load(language)]
    const catalog = { ...start, ...rest }
    assert.deepEqual(
      used.filter(({ text }) => !Object.hasOwn(catalog, text)),
      [],
      'missing'
    )
    const known = new Set(used.map(({ text }) => text))
    assert.deepEqual(
      Object.keys(catalog).filter(text => !known.has(text)),
      [],
      'unused'
    )
    assert.deepEqual(
      Object.keys(start).filter(text => Object.hasOwn(rest, text)),
      [],
      'in both parts'
    )
    for (const { text, isPlural } of used) assertForms(language, text, catalog[text], isPlural)
  })

  test(`the start of the catalog "${language}" has what is shown before the first use`, async () => {
    const start = Object.keys(await load(`${language}-start`))
    const early = used.filter(({ place }) => /(share-element|start-view|drop-target)\.js/.test(place))
    assert.deepEqual(start.toSorted(), [...new Set(early.map(({ text }) => text))].sort())
  })
}

/** @param {string} language @param {string} text @param {unknown} own @param {boolean} isPlural */
function assertForms(language, text, own, isPlural) {
  assert.equal(typeof own, isPlural ? 'object' : 'string', text)
  const forms = typeof own === 'string' ? [own] : Object.values(own)
  if (isPlural) {
    const categories = new Intl.PluralRules(language).resolvedOptions().pluralCategories
    assert.deepEqual(Object.keys(own).sort(), categories.toSorted(), text)
  }
  for (const form of forms) {
    assert.ok(form.trim(), text)
    // "one" may say the number in words.
    const wanted = placeholders(text).filter(name => !isPlural || name !== '{n}' || placeholders(form).includes(name))
    assert.deepEqual(placeholders(form), wanted, text)
  }
  if (isPlural) assert.ok(own.other.includes('{n}'), text)
}

test('words replace texts, and faults in them break nothing', () => {
  setWords('en', { Save: 'Keep', '{done} of {size}': '{size} ({lost})', '{n} files': { other: '{n} things' } })
  assert.equal(t('Save'), 'Keep')
  assert.equal(t('Save all'), 'Save all')
  assert.equal(t('{done} of {size}', { done: '1 B', size: '2 B' }), '2 B ({lost})')
  assert.equal(t('Open {name}', { name: '{name} $& $1' }), 'Open {name} $& $1')
  assert.equal(tn(1, '{n} file', '{n} files'), '1 things')
  setWords('en', {})
})

test('values other than texts are left out, so that the catalog has their place', async () => {
  const own = JSON.parse(
    '{ "__proto__": "a", "Save": "Keep", "Copy": 5, "Open": null, "Close": ["x"], "Text": { "one": "x" } }'
  )
  own['{n} files'] = { one: 7, other: () => 'x' }
  own['{n} days'] = { one: 1, many: null, other: '{n} suns' }
  own.Link = () => 'x'
  assert.deepEqual(
    { ...usable(own) },
    JSON.parse('{ "__proto__": "a", "Save": "Keep", "{n} days": { "other": "{n} suns" } }')
  )
  const bare = Object.assign(Object.create(null), { Save: 'Keep' })
  assert.deepEqual({ ...usable(bare) }, { Save: 'Keep' })
  for (const wrong of [null, undefined, 5, () => 'x', [], [null]]) assert.deepEqual({ ...usable(wrong) }, {})

  setWords('de', { ...(await load('de')), ...usable(own) })
  assert.deepEqual([t('Save'), t('Copy'), t('Close')], ['Keep', 'Kopieren', 'Schließen'])
  assert.equal(tn(2, '{n} file', '{n} files'), '2 Dateien')
  assert.equal(tn(1, '{n} day', '{n} days'), '1 suns')
  setWords('en', {})
})

test('only own values take the place of placeholders', () => {
  assert.equal(filled('{constructor} {__proto__} {toString} {n}', { n: 0 }), '{constructor} {__proto__} {toString} 0')
})

test('no text of the element says "this server": on other pages there is none', () => {
  assert.deepEqual(
    used.filter(({ text, place }) => place !== 'share/index.html' && /\bthis server/.test(text)),
    []
  )
  for (const role of /** @type {const} */ (['sender', 'receiver'])) {
    const text = privacyText({ role, isEncrypted: true, hasPassword: false })
    assert.match(text, /neither the tracker nor other browsers can read/)
    assert.match(text, /Whoever can change the scripts of this page can read everything/)
  }
})

test('numbers follow the language', async () => {
  assert.equal(tn(1, '{n} file', '{n} files'), '1 file')
  assert.equal(tn(1234, '{n} file', '{n} files'), '1,234 files')
  setWords('de', await load('de'))
  assert.equal(formatBytes(1536), '1,54 kB')
  assert.equal(formatDuration(200_000), '2 Tage')
  assert.equal(tn(1, '{n} file', '{n} files'), '1 Datei')
  assert.equal(tn(1234, '{n} file', '{n} files'), '1.234 Dateien')
  setWords('es', await load('es'))
  assert.equal(tn(1_000_000, '{n} file', '{n} files'), '1.000.000 de archivos')
  setWords('en', {})
})

test('a kept value is made again after a change of the language only', () => {
  let made = 0
  const title = worded(() => `${t('Save')} ${++made}`)
  assert.deepEqual([title(), title()], ['Save 1', 'Save 1'])
  setWords('de', { Save: 'Speichern' })
  assert.deepEqual([title(), title()], ['Speichern 2', 'Speichern 2'])
  setWords('en', {})
})
