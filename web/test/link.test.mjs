import assert from 'node:assert/strict'
import { test } from 'node:test'
import { iceOf, parseLink, shareLink, startOf, trackerOf } from '../share/lib/link.js'

const HASH = '0218db4d09598926571b9041beb1cb91adc3f60a'

test('a fragment with an info-hash names a share', () => {
  const base32 = 'AIMNWTIJLGESMVY3SBA35MOLSGW4H5QK'
  const spellings = [
    HASH,
    `#${HASH}`,
    `#/${HASH}`,
    `#${HASH.toUpperCase()}`,
    `#${HASH}&dn=a`,
    `#magnet:?xt=urn:btih:${HASH}&tr=x`,
    `#magnet%3A%3Fxt%3Durn%3Abtih%3A${HASH}`,
    `#${base32}`
  ]
  for (const text of spellings) assert.deepEqual(parseLink(text), { kind: 'share', infoHash: HASH }, text)
})

test('empty and damaged fragments are distinguished', () => {
  for (const text of ['', '#', '#/']) assert.equal(parseLink(text).kind, 'none', text)
  for (const text of ['#abc', `#${HASH}0`, `#${HASH.slice(1)}`, '#%E0%A4%A', '#<script>', `#g${HASH.slice(1)}`])
    assert.equal(parseLink(text).kind, 'broken', text)
})

test('a link drops query and fragment of the page and parses back', () => {
  const link = shareLink('https://files.example:8443/share/?utm=1#old', HASH)
  assert.equal(link, `https://files.example:8443/share/#${HASH}`)
  assert.deepEqual(parseLink(new URL(link).hash), { kind: 'share', infoHash: HASH })
})

test('the tracker address and the links have the token of the page', () => {
  const page = 'https://files.example/?utm=1&token=0123456789-._~ab#old'
  assert.equal(trackerOf(page), 'wss://files.example/announce?token=0123456789-._~ab')
  assert.equal(shareLink(page, HASH), `https://files.example/?token=0123456789-._~ab#${HASH}`)
  assert.equal(trackerOf('https://files.example/?token='), 'wss://files.example/announce')
  assert.equal(trackerOf('https://files.example/?token=a%26b%20c'), 'wss://files.example/announce?token=a%26b%20c')
})

test('the tracker is the origin of the page', () => {
  assert.equal(trackerOf('http://127.0.0.1:8000/#x'), 'ws://127.0.0.1:8000/announce')
  assert.equal(trackerOf('https://files.example/'), 'wss://files.example/announce')
})

test('the ICE address has the token only on the same server', () => {
  const page = 'https://files.example/?x=y&token=a%26b#abc'
  assert.equal(iceOf('/ice', page), 'https://files.example/ice?token=a%26b')
  assert.equal(iceOf('/ice?a=1', page), 'https://files.example/ice?a=1&token=a%26b')
  assert.equal(iceOf('/ice?token=own', page), 'https://files.example/ice?token=own')
  assert.equal(iceOf('https://other.example/ice', page), 'https://other.example/ice')
  assert.equal(iceOf('/ice', 'https://files.example/'), 'https://files.example/ice')
  assert.equal(startOf(page), './?token=a%26b')
  assert.equal(startOf('https://files.example/#abc'), './')
})

test('below a proxy path, addresses are relative to the page', () => {
  const page = 'https://example.org/a/hub/?token=a%26b#abc'
  assert.equal(trackerOf(page), 'wss://example.org/a/hub/announce?token=a%26b')
  assert.equal(iceOf('ice', page), 'https://example.org/a/hub/ice?token=a%26b')
  assert.equal(new URL(startOf(page), page).href, 'https://example.org/a/hub/?token=a%26b')
  assert.equal(shareLink(page, HASH), `https://example.org/a/hub/?token=a%26b#${HASH}`)
  assert.equal(trackerOf('http://127.0.0.1:8000/hub/index.html'), 'ws://127.0.0.1:8000/hub/announce')
})
