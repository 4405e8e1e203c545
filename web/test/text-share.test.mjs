import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TEXT_BYTES_MAX } from '../share/lib/media.js'
import { isTextShare, pasted, textFile } from '../share/lib/text-share.js'

const HASH = 'd2f1'.repeat(10)
const KEY = `${'A'.repeat(21)}Q`
const files = (...paths) => paths.map(path => ({ path, file: new File(['x'], path) }))

test('a pasted link, magnet link or info-hash is opened', () => {
  const link = `https://hub.example/#${HASH}.${KEY}`
  for (const text of [link, ` ${link}\n`, `${HASH}.${KEY}`])
    assert.deepEqual(pasted([], text, true), { address: `${HASH}.${KEY}` }, text)
  for (const text of [HASH, HASH.toUpperCase(), `magnet:?xt=urn:btih:${HASH}&dn=x`])
    assert.deepEqual(pasted([], text, true), { address: HASH }, text)
})

test('other text, and a text with a link in it, is a text', () => {
  for (const text of ['hello', `see https://hub.example/#${HASH}`, 'https://hub.example/', ' a\n b '])
    assert.deepEqual(pasted([], text, true), { text }, text)
  assert.deepEqual(pasted([], HASH, false), { text: HASH }, 'links cannot be opened')
  assert.equal(pasted([], ' \n', true), null)
})

test('pasted files come before their names, and a text before its picture', () => {
  assert.deepEqual(Object.keys(pasted(files('a.bin', 'b.bin'), 'a.bin b.bin', true)), ['files'])
  assert.deepEqual(Object.keys(pasted(files('image.png'), '', true)), ['files'])
  assert.deepEqual(Object.keys(pasted(files('image.png'), 'image.png', true)), ['files'])
  assert.deepEqual(pasted(files('image.png'), '1\t2', true), { text: '1\t2' })
})

test('a shared text is one file with the name text.txt', async () => {
  const { file, path } = textFile('Grüße')
  assert.deepEqual([path, file.name, file.type, await file.text()], ['text.txt', 'text.txt', 'text/plain', 'Grüße'])
  const of = (name, size) => ({ name, size })
  assert.ok(isTextShare([of('text.txt', 1)]) && isTextShare([of('text.txt', TEXT_BYTES_MAX)]))
  for (const list of [
    [],
    [of('text.txt', 0)],
    [of('text.txt', TEXT_BYTES_MAX + 1)],
    [of('notes.txt', 9)],
    [of('text.txt', 9), of('b', 1)]
  ])
    assert.ok(!isTextShare(list), JSON.stringify(list))
})
