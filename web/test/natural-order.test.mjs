import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inNaturalOrder } from '../share/lib/natural-order.js'

const sorted = paths => inNaturalOrder(paths, path => path)

test('files sort by name, numbers by value, folder by folder', () => {
  const wanted = [
    'a.txt',
    'B.txt',
    'c/1',
    'c/2',
    'c/10',
    'c/10 b',
    'c d/1',
    'f1.jpg',
    'f02.jpg',
    'f2.jpg',
    'f10.jpg',
    'f0100.jpg',
    'Ü.txt',
    'v.txt',
    '日本.txt'
  ]
  assert.deepEqual(sorted(wanted.toReversed()), wanted)
})

test('the order does not depend on the original order', () => {
  const paths = [
    'É',
    'é',
    'E\u0301',
    'e\u0301',
    'E',
    'e',
    '1',
    '01',
    '001',
    'a/b',
    'a',
    'A',
    'a1b2',
    'a01b2',
    '9'.repeat(40),
    '10'.repeat(20)
  ]
  const wanted = sorted(paths)
  for (let turn = 0; turn < paths.length; turn++) {
    const turned = [...paths.slice(turn), ...paths.slice(0, turn)]
    assert.deepEqual(sorted(turned), wanted)
    assert.deepEqual(sorted(turned.toReversed()), wanted)
  }
})

test('the original list stays unchanged', () => {
  const items = [{ path: 'b' }, { path: 'a' }]
  assert.deepEqual(
    inNaturalOrder(items, ({ path }) => path),
    [items[1], items[0]]
  )
  assert.equal(items[0].path, 'b')
})
