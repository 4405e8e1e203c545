// What clients make of a refused page's message: they show the text, and soon try as rarely as after a refused handshake.
// It is a separate file because it replaces Math.random and setTimeout for the whole process.

import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { describe, test } from 'node:test'
import { makeSocket } from '@trystero-p2p/core'
import Client from 'bittorrent-tracker/client'
import WebSocket from 'ws'
import { eventually, randomId, startServer, within } from '../support/index.mjs'
import { rtcConfig } from './reference.mjs'

const STEP_MS = 30_000
const ORIGIN = 'https://page.example'
const REASON = 'Pages of this origin may not use this tracker'

// Clients wait for seconds to minutes between two tries. Here they wait a hundredth of it, and no random time.
const FASTER = 100
const realTimeout = globalThis.setTimeout
let waits = []
globalThis.setTimeout = (callback, ms, ...rest) => {
  const caller = new Error('the caller').stack
  const isRetry = caller.includes('_startReconnectTimer') || caller.includes('@trystero-p2p')
  if (isRetry) waits.push(Math.round(ms / 100) / 10)
  return realTimeout(callback, isRetry ? ms / FASTER : ms, ...rest)
}

/** Sends the origin of a page with each handshake, as a browser does. */
class PageAgent extends Agent {
  addRequest (request, options) {
    request.setHeader('Origin', ORIGIN)
    super.addRequest(request, options)
  }
}

/** A server that refuses the page, and tells an address the reason this often. */
async function start (t, messages) {
  const limit = messages > 0 ? ['--limits-address-refusal-messages-max', String(messages)] : ['--limits-refusal-messages-max', '0']
  const server = await startServer({ args: ['--origin', 'https://other.example', ...limit] })
  t.after(() => server.stop())
  waits = []
  return server
}

/** The first waits of the reference client in seconds, and its warnings. */
async function reference (t, messages, tries) {
  const server = await start(t, messages)
  Math.random = () => 0
  const warnings = []
  const client = new Client({
    infoHash: randomId(), peerId: randomId(), port: 6881, announce: [server.tracker], rtcConfig,
    proxyOpts: { httpAgent: new PageAgent() }, getAnnounceOpts: () => ({ numwant: 0 })
  })
  client.on('warning', ({ message }) => warnings.push(message))
  client.on('error', error => warnings.push(`error: ${error.message}`))
  client.start()
  try {
    await eventually(STEP_MS, () => waits.length >= tries, `${tries} tries`)
    return { waits: waits.slice(0, tries), warnings: warnings.slice(0, tries) }
  } finally {
    // A client that waits for its next try goes on after `destroy`, and its waits would count for the next client.
    const trackers = [...client._trackers]
    await within(STEP_MS, new Promise(resolve => client.destroy(resolve)), 'destroy')
    for (const tracker of trackers) clearTimeout(tracker.reconnectTimer)
  }
}

describe('a refused page', () => {
  test('shows the reason in a warning of the reference client', async t => {
    const { waits, warnings } = await reference(t, 3, 6)
    for (const warning of warnings.slice(0, 3)) assert.match(warning, new RegExp(REASON))
    for (const warning of warnings.slice(3)) assert.match(warning, /^Error connecting to ws:/)
    // Each message resets the delay, so three messages delay its growth by two tries.
    assert.deepEqual(waits, [10, 10, 10, 20, 40, 80])
  })

  test('tries as rarely as without the message if it is told once', async t => {
    const told = await reference(t, 1, 5)
    assert.match(told.warnings[0], new RegExp(REASON))
    const untold = await reference(t, 0, 5)
    assert.doesNotMatch(untold.warnings.join(), new RegExp(REASON))
    assert.deepEqual(told.waits, untold.waits)
    assert.deepEqual(told.waits, [10, 20, 40, 80, 160])
  })

  test('makes trystero log the reason, and give up', async t => {
    const server = await start(t, 3)
    Math.random = () => 1
    globalThis.WebSocket = class extends WebSocket { constructor (url) { super(url, { origin: ORIGIN }); this.on('error', () => {}) } }
    const messages = []
    const client = makeSocket(server.tracker, text => messages.push(JSON.parse(text)))
    t.after(() => client.close())
    await eventually(STEP_MS, () => client.isClosed, 'it gives up')
    assert.equal(messages.length, 3)
    for (const message of messages) assert.match(message['failure reason'], new RegExp(REASON))
    assert.deepEqual(waits, [3.3, 3.3, 3.3, 6.7, 13.3, 26.7, 53.3])
  })
})
