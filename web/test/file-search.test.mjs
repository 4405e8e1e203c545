import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findFiles } from '../share/lib/file-search.js'
import { foundText, restText } from '../share/lib/file-texts.js'

const FILES = ['trip/day 10/Über.JPG', 'trip/day 2/b.txt', 'trip/day 2/a10.txt', 'trip/a2.txt'].map((path, index) => ({
  index,
  path,
  size: [5, 9, 9, 1][index] ?? 0
}))
const found = (words, order = 'share') => findFiles(FILES, words, order).map(({ index }) => index)

test('files are found by all words of their path, without case and accents', () => {
  assert.deepEqual(found(''), [0, 1, 2, 3])
  assert.deepEqual(found('  '), [0, 1, 2, 3])
  assert.deepEqual(found('uber jpg'), [0])
  assert.deepEqual(found('TXT day'), [1, 2])
  assert.deepEqual(found('ÜBER'), [0])
  assert.deepEqual(found('txt nothing'), [])
  assert.deepEqual(found('.*'), [], 'words are no patterns')
})

test('files are sorted by their own name, or by size', () => {
  assert.deepEqual(found('', 'name'), [3, 2, 1, 0])
  assert.deepEqual(found('', 'size'), [1, 2, 0, 3])
  assert.deepEqual(found('day', 'size'), [1, 2, 0])
  assert.deepEqual(
    FILES.map(({ index }) => index),
    [0, 1, 2, 3],
    'the list itself stays'
  )
})

test('the number of results and of files without a row is said', () => {
  assert.equal(foundText(3, 900, 'a'), '3 of 900 files.')
  assert.equal(foundText(0, 900, 'a'), 'No file found.')
  assert.equal(foundText(900, 900, ' '), '')
  assert.match(restText(1, false, true), /1 more file, which is shared with them/)
  assert.match(restText(400, true, false), /400 more files\. Add words/)
})
