import assert from 'node:assert/strict'
import { test } from 'node:test'
import { excerptOf, search } from '../docs/lib/search.js'

const PAGES = [
  {
    path: '',
    title: 'swarmhub',
    sections: [
      { id: 'swarmhub', heading: 'swarmhub', text: 'A tracker. Certificates are on another page.' },
      { id: 'numbers', heading: 'Numbers', text: 'Fast.' }
    ]
  },
  {
    path: 'tls',
    title: 'TLS',
    sections: [
      { id: 'tls', heading: 'TLS', text: 'How to serve pages over https.' },
      { id: 'certificate-files', heading: 'Certificate files', text: 'They are reloaded.' },
      { id: 'other', heading: 'Other', text: 'A decertificated word.' }
    ]
  }
]
const hrefs = query => search(PAGES, query).map(hit => hit.href)

test('headings come before text, beginnings of words before their inside', () => {
  assert.deepEqual(hrefs('certificate'), ['tls#certificate-files', '', 'tls#other'])
  assert.deepEqual(hrefs('CERT'), ['tls#certificate-files', '', 'tls#other'])
})

test('a section must contain every word; the title counts too, but not alone', () => {
  assert.deepEqual(hrefs('tls certificate'), ['tls#certificate-files', 'tls#other'])
  assert.deepEqual(hrefs('tls'), ['tls'])
  assert.deepEqual(hrefs('tls reloaded'), ['tls#certificate-files'])
  assert.deepEqual(hrefs('certificate missing'), [])
  assert.deepEqual(hrefs('  '), [])
})

test('a section that names a word often comes before one that does so once', () => {
  const section = (id, text) => ({ id, heading: id, text })
  const sections = [section('a', 'no'), section('once', 'A relay.'), section('often', 'A relay relays; the relay.')]
  const found = search([{ path: 'p', title: 'P', sections }], 'relay')
  assert.deepEqual(
    found.map(hit => hit.href),
    ['p#often', 'p#once']
  )
})

test('signs of expressions are no patterns', () => {
  assert.deepEqual(hrefs('.*'), [])
  assert.deepEqual(hrefs('('), [])
})

test('an excerpt shows the found word, from the beginning of a word', () => {
  const text = `${'word '.repeat(40)}needle ${'more '.repeat(40)}`
  const excerpt = excerptOf(text, ['needle'])
  assert.match(excerpt, /^… word .*needle more .* …$/)
  assert.ok(excerpt.length < 120, excerpt)
  assert.equal(excerptOf('short', ['other']), 'short')
})

test('at most twelve hits are returned', () => {
  const sections = Array.from({ length: 30 }, (_, i) => ({ id: `s${i}`, heading: 'Same', text: '' }))
  assert.equal(search([{ path: 'a', title: 'A', sections }], 'same').length, 12)
})
