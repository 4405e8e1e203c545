import assert from 'node:assert/strict'
import { test } from 'node:test'
import { givenOptions } from '../share/lib/call-options.js'

test('only documented options with a value replace those of the user', () => {
  for (const [options, expected] of [
    [null, {}],
    [undefined, {}],
    [{ password: undefined, lifetime: undefined }, {}],
    [{ encrypt: false, expires: 1, hasNewLink: true }, {}],
    [{ password: '' }, { password: '' }],
    [{ lifetime: null }, { lifetime: null }],
    [
      { password: 'x', lifetime: 5, encrypt: false },
      { password: 'x', lifetime: 5 }
    ]
  ])
    assert.deepEqual(givenOptions(/** @type {any} */ (options)), expected)
})
