import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  formatAge,
  formatCount,
  formatMark,
  formatRatio,
  formatSeconds,
  formatValue
} from '../dashboard/lib/numbers.js'
import {
  formatMoment,
  formatMark as formatTime,
  formatWithin,
  fromOf,
  RANGES,
  rangeOf,
  refreshAfter
} from '../dashboard/lib/times.js'

test('counts are exact up to a million', () => {
  assert.deepEqual([0, 7, 0.123, 12.7, 1234, 999_499, 1_000_000, 12_345_678, 3e9].map(formatCount), [
    '0',
    '7',
    '0.12',
    '13',
    '1,234',
    '999,499',
    '1 M',
    '12.3 M',
    '3 G'
  ])
  assert.deepEqual([null, undefined, NaN].map(formatCount), ['–', '–', '–'])
})

test('durations range from microseconds to days', () => {
  assert.deepEqual([0, 0.0000184, 0.00099, 0.0125, 0.31, 1.23, 59.9, 60, 75, 3661, 90_000, -90].map(formatSeconds), [
    '0 s',
    '18 µs',
    '990 µs',
    '13 ms',
    '310 ms',
    '1.2 s',
    '60 s',
    '1 min',
    '1 min 15 s',
    '1 h 1 min',
    '1 d 1 h',
    '−1 min 30 s'
  ])
})

test('only the whole is shown as 100 %', () => {
  assert.deepEqual([0, 0.001, 0.05, 0.5, 0.995, 0.99999, 1].map(formatRatio), [
    '0 %',
    '0.1 %',
    '5.0 %',
    '50 %',
    '99.5 %',
    '99.9 %',
    '100 %'
  ])
})

test('a value has its unit, and a counter is per second', () => {
  assert.equal(formatValue(1500, { kind: 'counter', unit: 'bytes' }), '1.50 kB/s')
  assert.equal(formatValue(12, { kind: 'counter', unit: '' }), '12/s')
  assert.equal(formatValue(0.4, { kind: 'gauge', unit: 'ratio' }), '40 %')
  assert.equal(formatValue(null, { kind: 'gauge', unit: 'seconds' }), '–')
  assert.equal(formatMark(6e6, { kind: 'counter', unit: 'bytes' }), '6 MB/s')
})

test('an age is formatted', () => {
  assert.deepEqual([0, 1.4, 5.7, 61, 7300].map(formatAge), [
    'just now',
    'just now',
    '5 s ago',
    '1 min 1 s ago',
    '2 h 1 min ago'
  ])
})

test('all ranges exist, and an unknown one is live', () => {
  assert.deepEqual(
    RANGES.map(({ id }) => id),
    ['live', '1h', '6h', '24h', '7d', '30d', '1y', 'all']
  )
  assert.equal(rangeOf('nonsense').id, 'live')
  assert.equal(fromOf(rangeOf('1h')), -3600)
  assert.equal(fromOf(rangeOf('all')), 0)
  assert.deepEqual([10, 60, 3600].map(refreshAfter), [10, 60, 600])
})

test('marks of the time axis show what changes', () => {
  const at = (...date) => new Date(...date).getTime() / 1000
  assert.equal(formatTime(at(2026, 10, 22, 7, 9), 60), '07:09')
  assert.equal(formatTime(at(2026, 10, 22, 7, 9, 5), 15), '07:09:05')
  assert.equal(formatTime(at(2026, 10, 22), 3 * 3600), '22 Nov')
  assert.equal(formatTime(at(2026, 10, 22, 12), 86_400), '22 Nov')
  assert.equal(formatTime(at(2026, 5, 1), 30 * 86_400), 'Jun')
  assert.equal(formatTime(at(2026, 0, 1), 30 * 86_400), '2026')
  assert.equal(formatMoment(at(2026, 0, 2, 3, 4, 5)), '2026-01-02 03:04:05')
  assert.equal(formatWithin(at(2026, 0, 2, 3, 4, 5), 86_400), '03:04')
  assert.equal(formatWithin(at(2026, 0, 2, 3, 4, 5), 10 * 86_400), '2026-01-02 03:04')
})
