import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRange } from '../share/lib/ranges.js'

test('a Range header selects existing bytes', () => {
  const cases = [
    ['bytes=0-', { start: 0, end: 99 }],
    ['bytes=0-0', { start: 0, end: 0 }],
    ['bytes=10-19', { start: 10, end: 19 }],
    ['bytes=90-500', { start: 90, end: 99 }],
    ['bytes=-10', { start: 90, end: 99 }],
    ['bytes=-500', { start: 0, end: 99 }],
    [' bytes=5-6 ', { start: 5, end: 6 }],
    ['bytes=100-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    [null, 'whole'],
    [undefined, 'whole'],
    ['', 'whole'],
    ['bytes=-', 'whole'],
    ['bytes=5-4', 'whole'],
    ['bytes=0-1,5-6', 'whole'],
    ['items=0-1', 'whole'],
    ['bytes=a-b', 'whole']
  ]
  for (const [header, expected] of cases) assert.deepEqual(parseRange(header, 100), expected, String(header))
})

test('an empty file has no satisfiable range', () => {
  assert.equal(parseRange('bytes=0-', 0), 'unsatisfiable')
  assert.equal(parseRange('bytes=-1', 0), 'unsatisfiable')
  assert.equal(parseRange(null, 0), 'whole')
})
