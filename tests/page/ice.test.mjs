// A STUN server that does not answer delays no offer by seconds, and new ICE servers replace old ones in an open page.

import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { eventually, pattern, randomId } from '../support/index.mjs'
import { STEP_MS, download, inMemory, open, share, stage } from './support.mjs'

/** webtorrent itself gives up after 5 s. Gathering ends after 1.5 s; the rest is for a busy machine. */
const OFFER_MS_MAX = 3_000

const { here, withUsers } = stage()
const silent = createSocket('udp4')
let requests = 0
silent.on('message', () => requests++)
before(async () => {
  silent.bind(0, '127.0.0.1')
  await once(silent, 'listening')
})
after(() => silent.close())

/** Notes the class of the browser, and each connection: its servers, its start, and when its description was complete. */
function watchConnections () {
  const Native = window.RTCPeerConnection
  window.__made = []
  window.RTCPeerConnection = class RTCPeerConnection extends Native {
    constructor (config) {
      super(config)
      const made = { urls: config.iceServers.map(({ urls }) => urls), described: 0, ended: 0 }
      window.__made.push(made)
      this.made = made
      this.addEventListener('icecandidate', ({ candidate }) => { if (!candidate) made.ended = performance.now() })
    }

    async setLocalDescription (...args) {
      this.made.described = performance.now()
      return super.setLocalDescription(...args)
    }
  }
  window.__before = window.RTCPeerConnection
}

/** Resolves to the time of the first message of a page to the tracker that matches. */
function sent (page, wanted) {
  return new Promise(resolve => page.on('websocket', socket => socket.on('framesent', ({ payload }) => {
    if (wanted.test(String(payload))) resolve(Date.now())
  })))
}

const made = page => page.evaluate(() => window.__made)
const iceServers = (page, ...responses) => page.route('**/ice', route =>
  route.fulfill({ json: responses.length > 1 ? responses.shift() : responses[0] }))

test('a STUN server that does not answer delays offers and answers by 1.5 s', withUsers(2, async (alice, bob) => {
  const { port } = silent.address()
  for (const { page } of [alice, bob]) await iceServers(page, { iceServers: [{ urls: `stun:127.0.0.1:${port}` }] })
  const offers = sent(bob.page, /"offers":\[\{/)
  const answer = sent(alice.page, /"answer":/)
  const link = await share(alice.page, here.server.page, inMemory('silent.bin', pattern(100_000, 70)))

  await bob.page.goto(link)
  const start = await eventually(STEP_MS, async () => (await made(bob.page)).some(({ described }) => described) && Date.now(), 'the first offer of the receiver')
  const offered = await offers
  const answered = await answer
  assert.ok(offered - start < OFFER_MS_MAX, `the offer left after ${offered - start} ms`)
  assert.ok(answered - offered < OFFER_MS_MAX, `the answer left after ${answered - offered} ms`)
  assert.ok(requests > 0, 'the browsers asked the server')
  console.log(`the offer left after ${offered - start} ms, the answer after ${answered - offered} ms`)

  await open(bob.page, link)
  await download(bob.page)
  assert.ok(await bob.page.evaluate(() => window.RTCPeerConnection === window.__before), 'the page keeps its own class')
}, { user: { ownIceServers: true }, init: watchConnections }))

test('new ICE servers replace old ones in an open page', withUsers(1, async ({ page }) => {
  const settings = (host, ttl) => ({ iceServers: [{ urls: `stun:127.0.0.1:${silent.address().port}?${host}` }], ttl })
  await page.clock.install()
  await iceServers(page, settings('first', 600), settings('second', 600))
  await page.goto(`${here.server.page}#${randomId()}`)
  await eventually(STEP_MS, async () => (await made(page)).length, 'the first offers')
  assert.ok((await made(page)).every(({ urls }) => urls[0].endsWith('first')))
  await eventually(STEP_MS, async () => {
    await page.clock.fastForward(480_000)
    return (await made(page)).at(-1).urls[0].endsWith('second')
  }, 'offers with the new servers')
}, { init: watchConnections }))
