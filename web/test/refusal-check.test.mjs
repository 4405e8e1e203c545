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
  assert.equal((await asked(host => host === 'hub.example')).cause, 'blocked')
})
