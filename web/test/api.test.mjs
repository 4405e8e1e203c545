import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorOf, targetOf } from '../dashboard/core/api.js'

test('parameters are escaped, and undefined ones omitted', () => {
  assert.equal(targetOf('stats', {}), 'stats')
  assert.equal(targetOf('connections/{id}/kick', { path: { id: 'a/b' } }), 'connections/a%2Fb/kick')
  const query = { series: 'a,b', from: -60, to: undefined }
  assert.equal(targetOf('history', { query }), 'history?series=a%2Cb&from=-60')
})

test('an error has the text and the single errors of the response', () => {
  const response = new Response(null, { status: 400, headers: { 'retry-after': '5' } })
  const error = errorOf(response, { error: 'nothing was changed', errors: ['one', 'two'] })
  assert.deepEqual([error.message, error.errors, error.retryAfter], ['nothing was changed', ['one', 'two'], 5])
  assert.match(errorOf(response, null).message, /400/)
})
