import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { whyUnreachable } from '../share/core/refusal-check.js'

const ORIGIN = 'https://shop.example'
const native = globalThis.fetch
afterEach(() => {
  globalThis.fetch = native
})
const answer = body => {
  globalThis.fetch = async () => new Response(JSON.stringify(body))
}

const asked = (isBlocked = () => false) => whyUnreachable('wss://hub.example', ORIGIN, isBlocked)

test('the first reason of the tracker counts', async () => {
  const served = { address: { state: 'served', reason: null }, server: { reason: null }, token: { reason: null } }
  answer({ ...served, origin: { state: 'denied', reason: 'not this page' } })
  assert.deepEqual(await asked(), { refusal: 'not this page', cause: null })
  answer({ address: { state: 'banned', reason: 'banned for a minute' }, origin: null, token: null })
  assert.deepEqual(await asked(), { refusal: 'banned for a minute', cause: null })
  answer({ address: { reason: 'x'.repeat(1000) } })
  assert.equal((await asked()).refusal?.length, 300)
  for (const other of [{ ...served, origin: { reason: null } }, {}, [], null, { address: { reason: 7 } }]) {
    answer(other)
    assert.deepEqual(await asked(), { refusal: null, cause: 'answers' })
  }
})

test('without words of the tracker the cause is a policy, a server without WebSockets, or silence', async () => {
  globalThis.fetch = async (_, { mode } = {}) => {
    if (mode !== 'no-cors') throw new TypeError('unreadable')
    return new Response('')
  }
  assert.equal((await asked()).cause, 'answers')
  globalThis.fetch = () => Promise.reject(new TypeError('down'))
  assert.equal((await asked()).cause, 'silent')
  assert.equal((await asked(address => address === 'wss://hub.example')).cause, 'blocked')
  // Only the question was blocked.
  assert.equal((await asked(address => address === 'https://hub.example')).cause, null)
})

test('a server below another path is asked at its root too', async () => {
  const addresses = []
  globalThis.fetch = async url => {
    addresses.push(String(url))
    const report = addresses.length === 1 ? {} : { address: { state: 'served' }, origin: { reason: 'not this page' } }
    return new Response(JSON.stringify(report))
  }
  assert.equal((await whyUnreachable('wss://hub.example/x', ORIGIN, () => false)).refusal, 'not this page')
  assert.deepEqual(
    addresses.map(address => new URL(address).pathname),
    ['/x/api/v1/check', '/api/v1/check']
  )
})
