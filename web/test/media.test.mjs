import assert from 'node:assert/strict'
import { test } from 'node:test'
import { previewKind, safeType } from '../share/lib/media.js'

test('types that can run script are never served as such', () => {
  for (const name of ['a.html', 'a.HTM', 'a.xhtml', 'a.svg', 'a.xml', 'a.js', 'a.mjs']) {
    assert.equal(previewKind(name), 'text', name)
    assert.equal(safeType(name), 'text/plain', name)
  }
  for (const name of ['a.swf', 'a.wasm', 'a.mht', 'a.htc', 'a.css.map', 'a', ''])
    assert.doesNotMatch(safeType(name), /html|xml|script|svg|css/, name)
})

test('media types are found in any case', () => {
  const cases = [
    ['a.MP4', 'video', 'video/mp4'],
    ['b.webm', 'video', 'video/webm'],
    ['c.mp3', 'audio', 'audio/mpeg'],
    ['x/d.JPEG', 'image', 'image/jpeg'],
    ['e.pdf', 'pdf', 'application/pdf'],
    ['README', null, 'application/octet-stream'],
    ['Makefile', 'text', 'text/plain'],
    ['a.constructor', null, 'application/octet-stream']
  ]
  for (const [name, kind, type] of cases) assert.deepEqual([previewKind(name), safeType(name)], [kind, type], name)
})
