import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLoopback, linkReach, otherPage } from '../share/lib/reach.js'

const HASH = `#${'a'.repeat(40)}`

test('all names of localhost are local', () => {
  for (const host of [
    'localhost',
    'LOCALHOST',
    'a.localhost',
    '127.0.0.1',
    '127.1',
    '127.255.0.9',
    '[::1]',
    '[0:0:0:0:0:0:0:1]',
    'localhost.'
  ])
    assert.ok(isLoopback(new URL(`http://${host}:8000/`).hostname), host)
  for (const host of [
    'example.org',
    'localhost.example.org',
    '128.0.0.1',
    '[::2]',
    '192.168.0.1',
    'mylocalhost',
    '127.0.0.1.example.org'
  ])
    assert.ok(!isLoopback(new URL(`http://${host}/`).hostname), host)
})

test('a public link has no explanation', () => {
  assert.deepEqual(linkReach(`https://hub.example/${HASH}`, ['https://192.0.2.1/']), {
    isLocal: false,
    others: [],
    text: '',
    hint: ''
  })
  assert.equal(linkReach('', []).isLocal, false)
})

test('a local link shows other links, or how to get them', () => {
  const others = [`https://192.0.2.7:8443/${HASH}`]
  const known = linkReach(`http://localhost:8000/${HASH}`, others)
  assert.deepEqual(known.others, others)
  assert.match(known.hint, /192\.0\.2\.7:8443/)
  const unknown = linkReach(`http://127.0.0.1:8000/${HASH}`, [])
  assert.ok(unknown.isLocal)
  assert.match(unknown.text, /--tls-self-signed/)
  assert.equal(unknown.hint, '')
})

test('other addresses keep the token', () => {
  assert.equal(
    otherPage('https://192.0.2.7:8443/', 'http://localhost:8000/?token=x'),
    'https://192.0.2.7:8443/?token=x'
  )
})
