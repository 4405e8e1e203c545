import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  addressesOf,
  checkAddressesOf,
  iceOf,
  linkBaseOf,
  magnetOf,
  serverOf,
  shareLink,
  startOf,
  trackerOf
} from '../share/lib/addresses.js'
import { parseLink, parsePasted, repairedLink } from '../share/lib/link.js'

const HASH = '0218db4d09598926571b9041beb1cb91adc3f60a'
const KEY = 'yqdlZ-tYemfogSmv7Ws5PQ'
const PLAIN = { kind: 'share', infoHash: HASH, key: null, hasPassword: false, address: HASH }
const SEALED = { kind: 'share', infoHash: HASH, key: KEY, hasPassword: false, address: `${HASH}.${KEY}` }

/** What the links of a sharing page begin with. */
const ownBase = page => linkBaseOf('', page, serverOf(new URL('assets/0f/embed/define.js', page).href, page))

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
  for (const text of spellings) assert.deepEqual(parseLink(text), PLAIN, text)
})

test('a fragment with a key names an encrypted share', () => {
  const spellings = [
    `#${HASH}.${KEY}`,
    `#/${HASH}.${KEY}`,
    `#${HASH.toUpperCase()}.${KEY}`,
    `#${HASH}%2E${KEY}`,
    `#${HASH}%2e${KEY}`,
    `#${HASH}.${KEY}&utm_source=mail`,
    `#${HASH}.${KEY}?utm_source=mail`,
    ...['.', ')', '>', '%3E', ').', '…', ' ', '”', '*', '_', ',', '!'].map(end => `#${HASH}.${KEY}${end}`)
  ]
  for (const text of spellings) assert.deepEqual(parseLink(text), SEALED, text)
  const locked = { ...SEALED, hasPassword: true, address: `${HASH}.${KEY}p` }
  for (const text of [`#${HASH}.${KEY}p`, `#${HASH}.${KEY}p).`]) assert.deepEqual(parseLink(text), locked, text)
  for (const text of [`#${HASH}.`, `#${HASH}).`]) assert.deepEqual(parseLink(text), PLAIN, text)
})

test('a key that was cut or lost its case is a damaged link', () => {
  const broken = [
    `${HASH}.${KEY.slice(0, -1)}`,
    `${HASH}.${KEY}Q`,
    `${HASH}.${KEY}pp`,
    `${HASH}.${KEY.toLowerCase()}`,
    `${HASH}.${KEY.slice(0, -1)}.`,
    `${HASH}${KEY}`,
    `${HASH}.${KEY.replace('-', '+')}`,
    // The last character has only two bits.
    `${HASH}.${KEY.slice(0, -1)}R`
  ]
  for (const text of broken) assert.equal(parseLink(`#${text}`).kind, 'broken', text)
  // A page with the element recognizes it, and leaves other fragments alone.
  const isCut = text => /** @type {any} */ (parseLink(text)).isCut
  assert.equal(isCut(`#${HASH}.abc`), true)
  for (const text of ['#abc', '#a.b', `#${HASH}0`]) assert.equal(isCut(text), false, text)
})

test('a link whose "#" was escaped is repaired', () => {
  const good = `${HASH}.${KEY}`
  for (const [bad, repaired] of [
    [`https://a.example/%23${good}`, `https://a.example/#${good}`],
    [`https://a.example/hub/%23${HASH}`, `https://a.example/hub/#${HASH}`],
    [`https://a.example/?token=x%23${good}p`, `https://a.example/?token=x#${good}p`],
    [`https://a.example/%23${HASH}%2E${KEY}.`, `https://a.example/#${HASH}%2E${KEY}.`]
  ])
    assert.equal(repairedLink(bad), repaired)
  for (const fine of [
    'https://a.example/',
    `https://a.example/#${good}`,
    'https://a.example/?token=a%23b',
    'https://a.example/%23x'
  ])
    assert.equal(repairedLink(fine), null, fine)
})

test('empty and damaged fragments are distinguished', () => {
  for (const text of ['', '#', '#/']) assert.equal(parseLink(text).kind, 'none', text)
  for (const text of ['#abc', `#${HASH}0`, `#${HASH.slice(1)}`, '#%E0%A4%A', '#<script>', `#g${HASH.slice(1)}`])
    assert.equal(parseLink(text).kind, 'broken', text)
})

test('a link of the sharing page drops query and fragment and parses back', () => {
  const link = shareLink(ownBase('https://files.example:8443/share/?utm=1#old'), HASH)
  assert.equal(link, `https://files.example:8443/share/#${HASH}`)
  assert.deepEqual(parseLink(new URL(link).hash), PLAIN)
})

test('a link of another page keeps its query, and has no token of the tracker', () => {
  const server = 'https://hub.example/?token=0123456789'
  assert.equal(linkBaseOf('', 'https://shop.example/a?id=7#top', server), 'https://shop.example/a?id=7')
  assert.equal(linkBaseOf('/get?x=1', 'https://shop.example/a?id=7', server), 'https://shop.example/get?x=1')
  assert.equal(linkBaseOf('https://hub.example/?utm=1', 'https://shop.example/', server), server)
  assert.equal(linkBaseOf('', 'https://shop.example/a', null), 'https://shop.example/a')
})

test('the script of the element names its server', () => {
  const page = 'https://shop.example/?token=ofTheShop'
  assert.equal(serverOf('https://hub.example/embed.js', page), 'https://hub.example/')
  assert.equal(
    serverOf('https://hub.example/a/hub/embed.js?token=a%26b', page),
    'https://hub.example/a/hub/?token=a%26b'
  )
  assert.equal(serverOf('https://hub.example/hub/assets/0f/embed/index.js', page), 'https://hub.example/hub/')
  assert.equal(
    serverOf('https://shop.example/assets/0f/embed/define.js', page),
    'https://shop.example/?token=ofTheShop'
  )
  assert.equal(serverOf('https://shop.example/node_modules/swarmhub/index.js', page), null)
  assert.equal(serverOf('file:///srv/embed/index.js', page), null)
})

/** The addresses of an element on the page of a shop. */
const addresses = given =>
  addressesOf(
    { script: '', server: '', tracker: '', ice: '', linkBase: '', ...given },
    'https://shop.example/a?token=x'
  )

test('a page can name the server', () => {
  const found = {
    server: 'https://hub.example/',
    tracker: 'wss://hub.example/announce',
    ice: 'https://hub.example/ice'
  }
  for (const server of [
    'https://hub.example',
    'https://hub.example/#a',
    'wss://hub.example/announce',
    'https://hub.example/?utm=1'
  ])
    assert.deepEqual(addresses({ script: server }), { ...found, linkBase: 'https://shop.example/a?token=x' }, server)
  const below = addresses({ script: 'https://hub.example/a/hub?token=a%26b' })
  assert.equal(below.tracker, 'wss://hub.example/a/hub/announce?token=a%26b')
  assert.equal(below.ice, 'https://hub.example/a/hub/ice?token=a%26b')
  assert.equal(addresses({ script: '/hub' }).tracker, 'wss://shop.example/hub/announce?token=x')
  assert.equal(
    addresses({ script: 'https://hub.example//other.example' }).server,
    'https://hub.example//other.example/'
  )
  for (const server of ['', 'https://', 'udp://hub.example', 'hub.example:8000'])
    assert.equal(addresses({ script: server }).server, null)
})

test('without a server, the ICE settings are beside the tracker', () => {
  const ice = tracker => addresses({ tracker }).ice
  assert.equal(ice('wss://hub.example/'), 'https://hub.example/ice')
  assert.equal(ice('ws://127.0.0.1:8000/announce'), 'http://127.0.0.1:8000/ice')
  assert.equal(ice('wss://hub.example/a/hub/announce?token=a%26b'), 'https://hub.example/a/hub/ice?token=a%26b')
  assert.equal(ice(''), null)
  const { server, tracker } = addresses({ tracker: 'wss://hub.example/' })
  assert.deepEqual([server, tracker], [null, 'wss://hub.example/'])
  // Else the server gives them, also those for another tracker.
  const own = addresses({ tracker: 'wss://other.example/', script: 'https://hub.example/embed.js' })
  assert.equal(own.ice, 'https://hub.example/ice')
  assert.equal(addresses({ tracker: 'wss://hub.example/', ice: 'https://ice.example/x' }).ice, 'https://ice.example/x')
})

test('a magnet link names the files and the tracker', () => {
  const magnet = magnetOf(HASH, 'a & b.txt', 'wss://hub.example/announce?token=x')
  assert.equal(
    magnet,
    `magnet:?xt=urn:btih:${HASH}&dn=a%20%26%20b.txt&tr=wss%3A%2F%2Fhub.example%2Fannounce%3Ftoken%3Dx`
  )
  const { kind, infoHash, key } = /** @type {import('../share/lib/link.js').ShareLink} */ (parseLink(magnet))
  assert.deepEqual({ kind, infoHash, key }, { kind: 'share', infoHash: HASH, key: null })
  // The name of an encrypted share is secret.
  assert.ok(!magnetOf(HASH, '', 'wss://hub.example/').includes('dn='))
})

test('a pasted text is a link, a magnet link or an info-hash', () => {
  const sealed = `${HASH}.AAAAAAAAAAAAAAAAAAAAAA`
  for (const [text, address] of [
    [`https://hub.example/#${sealed}`, sealed],
    [`https://hub.example/%23${sealed}`, sealed],
    [` ${HASH} `, HASH],
    [`Hi, the photos: https://hub.example/#${sealed}, until Friday.`, sealed],
    [`Photos\n<https://hub.example/%23${sealed}>\n-- \nAda`, sealed],
    [`see (https://hub.example/a#${HASH}) and #tag`, HASH],
    [magnetOf(HASH, 'a#b', 'wss://hub.example/'), HASH]
  ]) {
    const link = parsePasted(/** @type {string} */ (text))
    assert.equal(link.kind === 'share' && link.address, address)
  }
  for (const text of ['https://hub.example/other', `no link here: ${HASH}0`])
    assert.equal(parsePasted(text).kind, 'broken', text)
})

test('the tracker address and the links have the token of the page', () => {
  const page = 'https://files.example/?utm=1&token=0123456789-._~ab#old'
  assert.equal(trackerOf(page), 'wss://files.example/announce?token=0123456789-._~ab')
  assert.equal(shareLink(ownBase(page), HASH), `https://files.example/?token=0123456789-._~ab#${HASH}`)
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
  assert.equal(shareLink(ownBase(page), HASH), `https://example.org/a/hub/?token=a%26b#${HASH}`)
  assert.equal(trackerOf('http://127.0.0.1:8000/hub/index.html'), 'ws://127.0.0.1:8000/hub/announce')
})

test('a tracker is asked about a page at its server, else beside its announces and at its root, with its token', () => {
  const origin = 'https://shop.example'
  const asked = 'api/v1/check?origin=https%3A%2F%2Fshop.example'
  const token = 'a-token-of-sixteen-or-more'
  for (const [tracker, server, ...addresses] of [
    ['wss://hub.example', null, `https://hub.example/${asked}`],
    [
      'wss://hub.example/a/announce?token=x%26y',
      null,
      `https://hub.example/a/${asked}&token=x%26y`,
      `https://hub.example/${asked}&token=x%26y`
    ],
    [
      'wss://hub.example/?token=x',
      'https://hub.example/a/?token=x',
      `https://hub.example/a/${asked}&token=x`,
      `https://hub.example/${asked}&token=x`
    ],
    [`wss://hub.example/${token}/announce`, null, `https://hub.example/${asked}&token=${token}`],
    [
      `wss://hub.example/a/${token}?token=y`,
      null,
      `https://hub.example/a/${asked}&token=y`,
      `https://hub.example/${asked}&token=y`
    ],
    [
      'ws://other.example:81/x',
      'https://hub.example/a/?token=y',
      `http://other.example:81/x/${asked}`,
      `http://other.example:81/${asked}`
    ]
  ])
    assert.deepEqual(checkAddressesOf(tracker, server, origin), addresses, tracker)
})
