import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { refusalReason } from '../share/core/refusal-check.js'

const ORIGIN = 'https://shop.example'
const native = globalThis.fetch
afterEach(() => {
  globalThis.fetch = native
})
const answer = body => {
  globalThis.fetch = async () => new Response(JSON.stringify(body))
}

test('the first reason of the tracker counts, and without one there is none', async () => {
  const served = { address: { state: 'served', reason: null }, server: { reason: null }, token: { reason: null } }
  answer({ ...served, origin: { state: 'denied', reason: 'not this page' } })
  assert.equal(await refusalReason('wss://hub.example', ORIGIN), 'not this page')
  answer({ address: { state: 'banned', reason: 'banned for a minute' }, origin: null, token: null })
  assert.equal(await refusalReason('wss://hub.example', ORIGIN), 'banned for a minute')
  answer({ address: { reason: 'x'.repeat(1000) } })
  assert.equal((await refusalReason('wss://hub.example', ORIGIN)).length, 300)
  for (const other of [{ ...served, origin: { reason: null } }, {}, [], { address: { reason: 7 } }]) {
    answer(other)
    assert.equal(await refusalReason('wss://hub.example', ORIGIN), null)
  }
  globalThis.fetch = () => Promise.reject(new TypeError('down'))
  assert.equal(await refusalReason('wss://hub.example', ORIGIN), null)
})
