import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatBytes, formatDuration, formatPercent, formatSpeed, plural } from '../common/format.js'

test('sizes have three significant digits', () => {
  const cases = [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [1536, '1.54 kB'],
    [99_950, '100 kB'],
    [999_499, '999 kB'],
    [999_500, '1.00 MB'],
    [12_345_678, '12.3 MB'],
    [5e9, '5.00 GB'],
    [1e18, '1000 PB'],
    [NaN, '–'],
    [-1, '–']
  ]
  for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text, String(bytes))
  assert.equal(formatSpeed(1_250_000), '1.25 MB/s')
})

test('long durations have less precision', () => {
  const cases = [
    [0, '0 s'],
    [0.2, '1 s'],
    [59.4, '1 min'],
    [61, '1 min 1 s'],
    [600, '10 min'],
    [3599, '60 min'],
    [3600, '1 h 0 min'],
    [90_000, '1 day'],
    [200_000, '2 days'],
    [1e7, 'more than a week'],
    [Infinity, 'unknown'],
    [NaN, 'unknown']
  ]
  for (const [seconds, text] of cases) assert.equal(formatDuration(seconds), text, String(seconds))
})

test('only the whole is 100 % and only nothing is 0 %', () => {
  const cases = [
    [0, '0 %'],
    [0.0001, '1 %'],
    [0.5, '50 %'],
    [0.9999, '99 %'],
    [1, '100 %'],
    [NaN, '0 %']
  ]
  for (const [fraction, text] of cases) assert.equal(formatPercent(fraction), text, String(fraction))
})

test('counts agree with their noun', () => {
  assert.equal(plural(1, 'file'), '1 file')
  assert.equal(plural(0, 'file'), '0 files')
  assert.equal(plural(1234, 'file'), '1,234 files')
})
