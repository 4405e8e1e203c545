// Test cases for every proxy, whichever way it forwards client addresses.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventually, launchChromium, startServer } from '../support/index.mjs'
import { BASE_PATH, PARTS } from './deployed.mjs'
import { testPages } from './pages.mjs'
import { skipReason } from './proxy.mjs'
import { connect, fetchPage, id } from './websocket-client.mjs'

const STEP_MS = 20_000
const PING = 0x89
/** Connection limit per address in these tests. */
const PER_ADDRESS = 3
/** By default clients on this machine are exempt from limits per address; here only the browser is. */
const BROWSER = '127.0.0.1'

/**
 * Tests a proxy with each part of its file in deploy/, with one server and one browser.
 * @param {string} name the program @param {import('./deployed.mjs').Start} start @param {string[]} listen listener arguments of the server
 */
export function testBehind (name, start, listen) {
  describe(`behind ${name}`, { skip: skipReason(name) }, () => {
    const here = {}
    before(async () => {
      here.server = await startServer({
        args: [...listen, ...BASE_PATH, '--history', 'memory', '--proxies-trusted', '127.0.0.1', '--limits-address-connections-max', `${PER_ADDRESS}`,
          '--limits-exempt', BROWSER, '--connection-ping-after', '1']
      })
      // Only this switch makes the request for the service worker accept a self-signed certificate.
      here.browser = await launchChromium({ args: ['--ignore-certificate-errors'] })
    })
    after(async () => {
      await here.browser?.close()
      await here.server?.stop()
    })

    for (const [part, { path }] of Object.entries(PARTS)) {
      describe(part === 'root' ? 'at the root' : `with the path ${part}`, () => {
        before(async () => { here.proxy = await start(here.server.port, /** @type {keyof typeof PARTS} */ (part)) })
        after(async () => {
          await here.proxy?.stop()
          here.proxy = undefined
        })
        testPart(name, here, path, part.slice(0, 4))
        testPages(name, here, path)
        if (part === 'root') testLimits(name, here)
      })
    }
  })
}

/** Opens a WebSocket that must be accepted. */
async function openWebSocket (t, here, from, headers = {}, path = '/announce') {
  const { client, status } = await connect(here.proxy.port, from, headers, path)
  assert.equal(status, 101)
  t.after(() => client.end())
  return client
}

/** Cases for every path of the site. @param {string} part part of the swarm names */
function testPart (name, here, path, part) {
  test(`the page is served through ${name}`, async () => {
    const page = await fetchPage(here.proxy.port, path)
    assert.equal(page.status, 200, page.body)
    assert.match(page.body, /<html/)
    assert.ok(page.headers['content-security-policy']?.includes(`127.0.0.1:${here.proxy.port}`), 'the page may open a WebSocket to its own host')
  })

  test(`two members are introduced through ${name}`, async t => {
    const open = from => openWebSocket(t, here, from, {}, `${path}announce`)
    const [a, b] = [await open('127.0.0.11'), await open('127.0.0.12')]
    const swarm = `introduced-${part}`
    assert.equal((await b.join(swarm, 'b')).incomplete, 1)
    const sdp = `v=0${'x'.repeat(3000)}`
    assert.equal((await a.join(swarm, 'a', [{ offer_id: id('o'), offer: { type: 'offer', sdp } }])).incomplete, 2)
    const offer = await b.receiveMessage()
    assert.deepEqual(offer, { action: 'announce', info_hash: id(swarm), peer_id: id('a'), offer_id: id('o'), offer: { type: 'offer', sdp } })
    b.send({ action: 'announce', info_hash: id(swarm), peer_id: id('b'), to_peer_id: id('a'), offer_id: id('o'), answer: { type: 'answer', sdp: 'v=0' } })
    assert.equal((await a.receiveMessage()).answer.sdp, 'v=0')
  })

  test(`HTTP peers through ${name} are listed with their own address`, async () => {
    const query = peer => `${path}announce?info_hash=${id(`http-${part}`)}&peer_id=${id(peer)}&port=6881&compact=0`
    await fetchPage(here.proxy.port, query('first'), '127.0.0.51')
    const { status, body } = await fetchPage(here.proxy.port, query('second'), '127.0.0.52')
    assert.equal(status, 200)
    assert.ok(body.includes('2:ip10:127.0.0.51'), body)
  })
}

function testLimits (name, here) {
  test(`pings pass ${name}, which keeps silent WebSockets open`, async t => {
    const { first } = await (await openWebSocket(t, here, '127.0.0.13')).receive()
    assert.equal(first, PING)
  })

  test(`the limit of an address counts the clients of ${name}, not ${name}`, async t => {
    for (let i = 0; i < PER_ADDRESS; i++) await openWebSocket(t, here, '127.0.0.21')
    const refused = await connect(here.proxy.port, '127.0.0.21')
    assert.ok([429, 503].includes(refused.status ?? 0), `status ${refused.status}`)
    await openWebSocket(t, here, '127.0.0.22')
  })

  test(`clients behind ${name} cannot forge their address with headers`, async t => {
    for (let i = 0; i < PER_ADDRESS; i++) await openWebSocket(t, here, '127.0.0.31')
    const forged = ['198.51.100.7', '198.51.100.7, 127.0.0.1', '127.0.0.1', '"', '']
    for (const value of forged) {
      const headers = { 'X-Forwarded-For': value, Forwarded: `for=${value}`, 'X-Real-IP': value }
      const { status, client } = await connect(here.proxy.port, '127.0.0.31', headers)
      client?.end()
      assert.ok([429, 503].includes(status ?? 0), `status ${status} with ${value}`)
    }
  })

  test(`an ended connection behind ${name} no longer counts for its address`, async t => {
    const clients = []
    for (let i = 0; i < PER_ADDRESS; i++) clients.push(await openWebSocket(t, here, '127.0.0.41'))
    clients[0].end()
    await eventually(STEP_MS, async () => {
      const { status, client } = await connect(here.proxy.port, '127.0.0.41')
      client?.end()
      return status === 101
    }, 'that the connection no longer counts')
  })
}
