import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { problemOf } from '../embed/attribute-problems.js'
import { ATTRIBUTES, parseBytes, parseCount, parseTracker } from '../embed/attribute-values.js'
import { ERROR_CODES } from '../share/lib/error-codes.js'
import { isAccepted, limitNotice } from '../share/lib/limits.js'

const PAGE = 'https://shop.example/a/'
const NO_LIMITS = { accept: '', multiple: true, maxFileSize: null, maxTotalSize: null, maxFiles: null }
const chosen = (path, bytes, type = '') => ({ path, file: new File([new Uint8Array(bytes)], path, { type }) })

test('the class of the element can be imported where there is no page', async () => {
  assert.equal(globalThis.HTMLElement, undefined)
  const { SwarmShareElement, defineSwarmShare } = await import('../embed/index.js')
  assert.equal(SwarmShareElement.formAssociated, true)
  assert.equal(typeof defineSwarmShare, 'function')
})

test('sizes have units', () => {
  const sizes = { 1024: 1024, '5MB': 5e6, '5 MB': 5e6, '1.5GB': 1.5e9, '2 kib': 2048, '7b': 7, 0: 0 }
  for (const [text, bytes] of Object.entries(sizes)) assert.equal(parseBytes(text), bytes, text)
  for (const text of ['', 'big', '-1', '5 XB', '5MB please', '1e9', 'MB']) assert.equal(parseBytes(text), null, text)
})

test('a tracker is a WebSocket address', () => {
  assert.equal(parseTracker('wss://hub.example/announce', PAGE), 'wss://hub.example/announce')
  assert.equal(parseTracker('https://hub.example/?token=x', PAGE), 'wss://hub.example/?token=x')
  assert.equal(parseTracker('/announce', PAGE), 'wss://shop.example/announce')
  for (const text of ['', 'udp://hub.example', 'wss://', 'javascript:alert(1)'])
    assert.equal(parseTracker(text, PAGE), null, text)
})

test('a wrong value causes a warning that names the attribute', () => {
  const wrong = {
    'max-file-size': 'huge',
    'max-files': '0',
    theme: 'blue',
    multiple: 'no',
    tracker: 'udp://x',
    drop: 'all'
  }
  for (const [name, text] of Object.entries(wrong))
    assert.match(problemOf(name, text, PAGE) ?? '', new RegExp(`${name}="`))
  for (const [name, text] of [
    ['max-files', '3'],
    ['theme', 'dark'],
    ['multiple', ''],
    ['accept', '?'],
    ['name', 'x']
  ])
    assert.equal(problemOf(name, text, PAGE), null, name)
  for (const name of Object.keys(ATTRIBUTES)) assert.doesNotMatch(problemOf(name, '\\', 'x:') ?? '', /undefined/, name)
  assert.equal(parseCount('12'), 12)
})

test('files over a limit are refused with the name of the file and the limit', () => {
  const refusal = (files, limits) => limitNotice(files, { ...NO_LIMITS, ...limits })
  const two = [chosen('a.bin', 4000), chosen('b.bin', 6000)]
  assert.equal(refusal(two, {}), null)
  assert.equal(refusal(two, { maxFileSize: 6000, maxTotalSize: 10_000, maxFiles: 2 }), null)
  const big = refusal(two, { maxFileSize: 5000 })
  assert.equal(big?.code, 'file-too-big')
  assert.match(big?.text ?? '', /b\.bin.*6\.00 kB.*5\.00 kB/)
  assert.equal(refusal(two, { maxTotalSize: 9999 })?.code, 'files-too-big')
  assert.equal(refusal(two, { maxFiles: 1 })?.code, 'too-many-files')
  assert.equal(refusal(two, { multiple: false })?.code, 'too-many-files')
  assert.match(refusal(two, { maxFiles: 1 })?.text ?? '', /^You chose 2 files\./)
  const adding = limitNotice(two, { ...NO_LIMITS, maxFiles: 1 }, true)?.text ?? ''
  assert.match(adding, /^Together with what is shared there would be 2 files\./, 'not all were chosen now')
  assert.equal(refusal([...two, chosen('x/.DS_Store', 9)], { maxFiles: 2 }), null, 'files of the system do not count')
  assert.match(refusal(two, { accept: '.txt' })?.text ?? '', /a\.bin.*\.txt/)
})

test('accepted types are those of a file input', () => {
  const file = (name, type = '') => chosen(name, 1, type).file
  for (const accept of ['', '.PNG', 'image/*', 'image/png', 'text/plain, image/png'])
    assert.ok(isAccepted(file('a.png', 'image/png'), accept), accept)
  for (const accept of ['.jpg', 'video/*', 'image/jpeg', 'png'])
    assert.ok(!isAccepted(file('a.png', 'image/png'), accept), accept)
  assert.ok(isAccepted(file('a.png'), 'image/*'), 'some systems know no type')
})

test('the docs list exactly the codes', async () => {
  const page = await readFile(new URL('../../docs/embed.md', import.meta.url), 'utf8')
  const table = page.split('### Codes')[1]?.split('\n## ')[0] ?? ''
  const cells = [...table.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell = '']) => [...cell.matchAll(/`([^`]+)`/g)])
  assert.deepEqual(cells.map(([, code]) => code).sort(), [...ERROR_CODES].sort())
})
