import assert from 'node:assert/strict'
import { test } from 'node:test'
import { distinct, isJunk, nameOfAll, safeFileName, safePath, shownName } from '../share/lib/names.js'

test('a saved name has no folder, device or hidden character', () => {
  const cases = [
    ['a/b\\c.txt', 'a_b_c.txt'],
    ['../../etc/passwd', '.._.._etc_passwd'],
    ['.bashrc', '.bashrc'],
    ['..', 'file'],
    ['con.txt', '_con.txt'],
    [`con${' '.repeat(250)}x`, '_con'],
    [`con${' '.repeat(250)}x.txt`, `_con${' '.repeat(193)}.txt`],
    ['COM1', '_COM1'],
    ['a\u0000b', 'ab'],
    ['photo\u202Egpj.exe', 'photogpj.exe'],
    ['  x. ', 'x'],
    ['', 'file'],
    ['...', 'file'],
    ['<svg>"?*|:', '_svg______'],
    ['naïve 日本.png', 'naïve 日本.png']
  ]
  for (const [name, safe] of cases) assert.equal(safeFileName(name), safe, JSON.stringify(name))
})

test('a long name is shortened and keeps its ending', () => {
  for (const letter of ['a', 'ü', '😀']) {
    const safe = safeFileName(`${letter.repeat(300)}.jpeg`)
    assert.ok(new TextEncoder().encode(safe).length <= 200)
    assert.match(safe, /\.jpeg$/)
    assert.ok(safe.isWellFormed?.() ?? true)
  }
})

test('a path never leaves its archive', () => {
  const cases = [
    ['../../a', 'a'],
    ['/etc/passwd', 'etc/passwd'],
    ['a//b/./c', 'a/b/c'],
    ['..\\..\\a.exe', 'a.exe'],
    ['..', 'file'],
    ['C:/x', 'C_/x']
  ]
  for (const [path, safe] of cases) assert.equal(safePath(path), safe, path)
})

test('shown names lose invisible and reversing characters', () => {
  assert.equal(shownName('a\u202Etxt.exe'), 'atxt.exe')
  assert.equal(shownName('\u200b'), 'unnamed')
  for (const joined of ['👩\u200d🚀.png', 'می\u200cخواهم.txt'])
    assert.deepEqual([shownName(joined), safeFileName(joined)], [joined, joined])
})

test('equal paths are numbered, also when only their case differs', () => {
  assert.deepEqual(distinct(['a.txt', 'A.txt', 'a (2).txt', 'a.txt', '.env', '.env']), [
    'a.txt',
    'A (2).txt',
    'a (2) (2).txt',
    'a (3).txt',
    '.env',
    '.env (2)'
  ])
})

test('several files are named by their folder or the first file', () => {
  assert.equal(nameOfAll(['trip/a.jpg', 'trip/more/b.jpg']), 'trip')
  assert.equal(nameOfAll(['a.jpg']), 'a.jpg')
  assert.equal(nameOfAll(['a.jpg', 'b.jpg', 'c.jpg']), 'a.jpg (+2)')
  assert.equal(nameOfAll(['trip/a.jpg', 'tripod/b.jpg']), 'a.jpg (+1)')
})

test('files of operating systems are recognized', () => {
  assert.ok(isJunk('x/.DS_Store') && isJunk('Thumbs.db'))
  assert.ok(!isJunk('x/my.DS_Store.txt'))
})
