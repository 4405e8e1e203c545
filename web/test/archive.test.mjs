import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { archiveDate, archiveEntries, archiveLength, archiveStream } from '../share/lib/archive.js'

/** What Python's zipfile and, where it is installed, Info-ZIP make of an archive of these paths; each file holds its number. */
async function unpacked(paths, check = () => {}) {
  const files = paths.map((path, i) => ({ path, size: String(i).length }))
  const entries = archiveEntries(files)
  const bytes = Buffer.from(
    await new Response(archiveStream(entries, i => new Blob([String(i)]).stream())).arrayBuffer()
  )
  assert.equal(bytes.length, archiveLength(entries), 'the length that was promised')
  const folder = await mkdtemp(join(tmpdir(), 'swarmhub-zip-'))
  try {
    const zip = join(folder, 'a.zip')
    await writeFile(zip, bytes)
    await check(zip, folder)
    return JSON.parse(execFileSync('python3', ['-c', PYTHON, zip], { encoding: 'utf8', maxBuffer: 1e8 }))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const PYTHON = `
import json, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as z:
    assert z.testzip() is None
    print(json.dumps([[i.filename, z.read(i).decode(), list(i.date_time), i.flag_bits] for i in z.infolist()]))
`
const UTF8_FLAG = 0x800

test('an archive has all files, with unique and portable names', async () => {
  const nfc = 'caf\u00e9.txt'
  const paths = [
    nfc,
    nfc.normalize('NFD'),
    'CAF\u00c9.TXT',
    'stra\u00dfe',
    'STRASSE',
    '\u017fet',
    'set',
    '\u212alm',
    'klm',
    'a\u200db',
    'ab',
    '\ufb01le',
    'file',
    'con.txt',
    'CON .txt',
    'aux',
    'com\u00b9.x',
    'conin$',
    'dots...',
    'dots',
    'blank ',
    'blank',
    `${'x'.repeat(300)}.txt`,
    `${'x'.repeat(301)}.txt`,
    `${'\u{1f600}'.repeat(200)}`,
    'a/b',
    'a',
    'A/c',
    'half\ud800',
    'half\udbff',
    '..',
    '../..',
    '',
    'new\nline',
    Array(400).fill('deep'.repeat(40)).join('/'),
    `${Array(400).fill('deep'.repeat(40)).join('/')}/x`,
    'LPT9 . txt',
    `${'y'.repeat(199)} .z`
  ]
  const found = await unpacked(paths)
  assert.deepEqual(
    found.map(([, content]) => Number(content)),
    [...paths.keys()]
  )
  const names = found.map(([name]) => name)
  for (const name of names) {
    assert.equal(name, name.normalize('NFC'))
    assert.ok(Buffer.byteLength(name) <= 900, `a path of ${Buffer.byteLength(name)} bytes`)
    for (const part of name.split('/')) {
      assert.ok(Buffer.byteLength(part) <= 255 && part.length > 0)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: a name must not contain them
      assert.doesNotMatch(part, /[. ]$|^\s|[<>:"|?*\\\u0000-\u001f]|^(con|aux|com.|lpt.|conin\$)\s*(\.|$)/i)
    }
  }
  // None is another one, or a folder of another one, to a system that ignores case, form and what is invisible.
  const same = name =>
    name
      .normalize('NFKC')
      .replace(/\p{Default_Ignorable_Code_Point}/gu, '')
      .toUpperCase()
      .toLowerCase()
  assert.equal(new Set(names.map(same)).size, names.length)
  const folders = new Set(
    names
      .filter(name => name.includes('/'))
      .flatMap(name =>
        name
          .split('/')
          .slice(0, -1)
          .map((_, i, parts) => same(parts.slice(0, i + 1).join('/')))
      )
  )
  for (const name of names) assert.ok(!folders.has(same(name)), `${name} is a folder too`)
  for (const [name, , , flags] of found) assert.ok(flags & UTF8_FLAG, name)
})

test('an archive unpacks on a disk', async context => {
  if (spawnSync('unzip', ['-v']).error) return context.skip('unzip is not installed')
  const paths = ['\u00e9.txt', 'e\u0301.txt', 'x/\u00c9.txt', 'x', 'con', `${'\u00fc'.repeat(200)}.txt`, '\u{1f600}']
  await unpacked(paths, async (zip, folder) => {
    const to = join(folder, 'to')
    execFileSync('unzip', ['-qq', zip, '-d', to], { env: { ...process.env, LC_ALL: 'C.UTF-8' } })
    const files = (await readdir(to, { recursive: true, withFileTypes: true })).filter(entry => entry.isFile())
    const contents = await Promise.all(
      files.map(entry => readFile(join(entry.parentPath ?? entry.path, entry.name), 'utf8'))
    )
    assert.deepEqual(contents.map(Number).sort(), [...paths.keys()])
  })
})

test('dates are valid even if the clock is wrong', async () => {
  const years = async now => {
    const [entry] = archiveEntries([{ path: 'a', size: 0 }], now)
    const zip = Buffer.from(await new Response(archiveStream([entry], () => new Blob([]).stream())).arrayBuffer())
    const [time, date] = [zip.readUInt16LE(10), zip.readUInt16LE(12)]
    return [(date >> 9) + 1980, (date >> 5) & 15, date & 31, time >> 11, (time >> 5) & 63, (time & 31) * 2]
  }
  assert.deepEqual(await years(0), [1980, 1, 1, 0, 0, 0])
  assert.deepEqual(await years(-8.64e15), [1980, 1, 1, 0, 0, 0])
  assert.deepEqual(await years(NaN), [1980, 1, 1, 0, 0, 0])
  assert.deepEqual(await years(Infinity), [1980, 1, 1, 0, 0, 0])
  assert.deepEqual(await years(Date.UTC(2200, 1)), [2107, 12, 31, 23, 59, 58])
  assert.deepEqual(await years(8.64e15), [2107, 12, 31, 23, 59, 58])
  const now = new Date(2026, 10, 29, 12, 30, 14)
  assert.deepEqual(await years(+now), [2026, 11, 29, 12, 30, 14])
  assert.equal(+archiveDate(+now), +now)
})

test('more than 65,535 files need a 64-bit end', async () => {
  const count = 65_600
  const entries = archiveEntries(Array.from({ length: count }, (_, i) => ({ path: `d/${i}`, size: i === 5 ? 22 : 0 })))
  const end = Uint8Array.of(0x50, 0x4b, 5, 6, ...Array(18).fill(0))
  const bytes = Buffer.from(await new Response(archiveStream(entries, () => new Blob([end]).stream())).arrayBuffer())
  assert.equal(bytes.length, archiveLength(entries))
  const folder = await mkdtemp(join(tmpdir(), 'swarmhub-zip-'))
  try {
    await writeFile(join(folder, 'a.zip'), bytes)
    const script =
      'import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); print(len(z.infolist()), len(z.read("d/5")), len(z.read("d/65599")))'
    assert.equal(
      execFileSync('python3', ['-c', script, join(folder, 'a.zip')], { encoding: 'utf8' }).trim(),
      `${count} 22 0`
    )
    if (!spawnSync('unzip', ['-v']).error) execFileSync('unzip', ['-tqq', join(folder, 'a.zip'), 'd/5', 'd/65599'])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test('numbering thousands of equal names is fast', () => {
  const entries = archiveEntries(Array.from({ length: 20_000 }, () => ({ path: 'same', size: 1 })))
  assert.equal(new Set(entries.map(({ name }) => name)).size, 20_000)
})
