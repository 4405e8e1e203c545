// What must hold behind any proxy, whichever way it says who the client is.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventually, startServer } from '../support/index.mjs'
import { missing } from './proxy.mjs'
import { fetchPage, id, visit } from './visitor.mjs'

const STEP_MS = 20_000
const PING = 0x89
/** Connections that one address may have in these tests. */
const PER_ADDRESS = 3
/** By default clients on this machine are limited by no address; here only this one is not. */
const NOBODY = '192.0.2.1'

/**
 * @param {string} name the program @param {(port: number) => Promise<{ port: number, stop: () => Promise<void> }>} start
 * @param {string[]} listen how the server is told about it
 */
export function testBehind (name, start, listen) {
  const skip = missing(name)
  describe(`behind ${name}`, { skip }, () => {
    let server, proxy
    before(async () => {
      server = await startServer({
        args: [...listen, '--proxies-trusted', '127.0.0.1',
          '--limits-address-connections-max', `${PER_ADDRESS}`, '--limits-exempt', NOBODY, '--connection-ping-after', '1']
      })
      proxy = await start(server.port)
    })
    after(async () => {
      await proxy?.stop()
      await server?.stop()
    })

    /** Someone who is let in. */
    async function guest (t, from, headers) {
      const { visitor, status } = await visit(proxy.port, from, headers)
      assert.equal(status, 101)
      t.after(() => visitor.end())
      return visitor
    }

    test(`the page comes through ${name}`, async () => {
      const page = await fetchPage(proxy.port, '/')
      assert.equal(page.status, 200)
      assert.match(page.body, /<html/)
      assert.ok(page.headers['content-security-policy']?.includes(`127.0.0.1:${proxy.port}`), 'the page may open a WebSocket to where it came from')
    })

    test(`two members are introduced through ${name}`, async t => {
      const [a, b] = [await guest(t, '127.0.0.11'), await guest(t, '127.0.0.12')]
      assert.equal((await b.join('introduced', 'b')).incomplete, 1)
      const sdp = `v=0${'x'.repeat(3000)}`
      assert.equal((await a.join('introduced', 'a', [{ offer_id: id('o'), offer: { type: 'offer', sdp } }])).incomplete, 2)
      const offer = await b.hearMessage()
      assert.deepEqual(offer, { action: 'announce', info_hash: id('introduced'), peer_id: id('a'), offer_id: id('o'), offer: { type: 'offer', sdp } })
      b.say({ action: 'announce', info_hash: id('introduced'), peer_id: id('b'), to_peer_id: id('a'), offer_id: id('o'), answer: { type: 'answer', sdp: 'v=0' } })
      assert.equal((await a.hearMessage()).answer.sdp, 'v=0')
    })

    test(`pings of the server come through ${name}, which keeps silent WebSockets open`, async t => {
      const { first } = await (await guest(t, '127.0.0.13')).hear()
      assert.equal(first, PING)
    })

    test(`the limit of an address counts the clients of ${name}, not ${name}`, async t => {
      for (let i = 0; i < PER_ADDRESS; i++) await guest(t, '127.0.0.21')
      const refused = await visit(proxy.port, '127.0.0.21')
      assert.ok([429, 503].includes(refused.status ?? 0), `status ${refused.status}`)
      await guest(t, '127.0.0.22')
    })

    test(`nobody behind ${name} is somebody else by what it writes into a header`, async t => {
      for (let i = 0; i < PER_ADDRESS; i++) await guest(t, '127.0.0.31')
      const forged = ['198.51.100.7', '198.51.100.7, 127.0.0.1', '127.0.0.1', '"', '']
      for (const value of forged) {
        const headers = { 'X-Forwarded-For': value, Forwarded: `for=${value}`, 'X-Real-IP': value }
        const { status, visitor } = await visit(proxy.port, '127.0.0.31', headers)
        visitor?.end()
        assert.ok([429, 503].includes(status ?? 0), `status ${status} with ${value}`)
      }
    })

    test(`an address behind ${name} has its place back when a connection has ended`, async t => {
      const guests = []
      for (let i = 0; i < PER_ADDRESS; i++) guests.push(await guest(t, '127.0.0.41'))
      guests[0].end()
      await eventually(STEP_MS, async () => {
        const { status, visitor } = await visit(proxy.port, '127.0.0.41')
        visitor?.end()
        return status === 101
      }, 'the place of who has left')
    })
  })
}
