import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeIndex, encodeIndex, FILES_MAX, paddedSize, totalSize } from '../share/lib/share-index.js'

const salt = new Uint8Array(16).fill(9)
const fine = {
  version: 1,
  name: 'trip',
  salt: 'CQkJCQkJCQkJCQkJCQkJCQ',
  expires: null,
  files: [
    ['trip/a.txt', 5],
    ['trip/day 1/ü.txt', 0]
  ]
}

/** The bytes of an index with any content. @param {unknown} value @param {number} [length] */
function bytesOf(value, length) {
  const text = new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value))
  const bytes = new Uint8Array(4 + text.length + 10)
  new DataView(bytes.buffer).setUint32(0, length ?? text.length)
  bytes.set(text, 4)
  return bytes
}

test('an index is read as it was written, and its length reveals little', () => {
  const files = [
    { path: 'trip/a.txt', size: 5 },
    { path: 'trip/day 1/ü.txt', size: 0 }
  ]
  const bytes = encodeIndex({ name: 'trip', files, salt, expires: 1234 })
  assert.equal(bytes.length, 4096)
  assert.deepEqual(decodeIndex(bytes), { name: 'trip', files, salt, expires: 1234 })
  assert.deepEqual(decodeIndex(bytesOf(fine)), { name: 'trip', files, salt, expires: null })
  const many = Array.from({ length: 1000 }, (_, i) => ({ path: `trip/${i}`, size: i }))
  assert.equal(encodeIndex({ name: 'trip', files: many, salt, expires: null }).length % 1024, 0)
})

test('a hostile index is refused', () => {
  const file = (path, size = 1) => ({ ...fine, files: [[path, size]] })
  const cases = {
    'no object': [1],
    'no JSON': '{',
    'no version': { ...fine, version: undefined },
    'version as text': { ...fine, version: '1' },
    'no name': { ...fine, name: '' },
    'a name with a folder': { ...fine, name: 'a/b' },
    'a name that leaves the folder': { ...fine, name: '..', files: [['../a', 1]] },
    'no files': { ...fine, files: [] },
    'files as an object': { ...fine, files: { length: 1 } },
    'too many files': { ...fine, files: Array(FILES_MAX + 1).fill(['trip/a', 1]) },
    'a file with more parts': { ...fine, files: [['trip/a', 1, 2]] },
    'a path outside of the name': file('other/a'),
    'a path upwards': file('trip/../../a'),
    'an absolute path': file('/trip/a'),
    'an empty part': file('trip//a'),
    'a path with a NUL': file('trip/a\0'),
    'a long path': file(`trip/${'a'.repeat(5000)}`),
    'a path as a number': file(7),
    'a negative size': file('trip/a', -1),
    'half a byte': file('trip/a', 0.5),
    'a size as text': file('trip/a', '1'),
    'a size beyond exact numbers': file('trip/a', 2 ** 53),
    'a short salt': { ...fine, salt: 'CQkJ' },
    'a salt with other characters': { ...fine, salt: '****' },
    'a salt as a number': { ...fine, salt: 5 },
    'a time as text': { ...fine, expires: 'soon' },
    'a negative time': { ...fine, expires: -1 },
    'a time after all times': { ...fine, expires: 9e15 }
  }
  for (const [what, value] of Object.entries(cases))
    assert.throws(() => decodeIndex(bytesOf(value)), { name: 'DamagedShareError' }, what)
  assert.throws(() => decodeIndex(bytesOf(fine, 100_000)), { name: 'DamagedShareError' })
  assert.throws(() => decodeIndex(new Uint8Array(3)), { name: 'DamagedShareError' })
  assert.throws(() => totalSize(Array(3).fill({ size: 2 ** 52 })), { name: 'DamagedShareError' })
})

test('an index of a newer page is told apart', () => {
  assert.throws(() => decodeIndex(bytesOf({ version: 2, things: [] })), { name: 'NewerShareError' })
})

test('the content of small shares has one size', () => {
  assert.equal(paddedSize([{ size: 1 }]), 4096)
  assert.equal(paddedSize([{ size: 4000 }, { size: 0 }]), 4096)
  assert.equal(paddedSize([{ size: 1_000_000 }]), 1_015_808)
})
