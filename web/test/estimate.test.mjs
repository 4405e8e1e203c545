import assert from 'node:assert/strict'
import { test } from 'node:test'
import { retryDelay } from '../share/lib/backoff.js'
import { countBits, pieceLengthFor, Smoothed, secondsLeft } from '../share/lib/estimate.js'

test('a speed has a half-life of three seconds', () => {
  const fine = new Smoothed()
  const coarse = new Smoothed()
  fine.add(1000, 0)
  coarse.add(1000, 0)
  for (let t = 250; t <= 3000; t += 250) fine.add(0, t)
  coarse.add(0, 3000)
  assert.ok(Math.abs(fine.value - 500) < 1)
  assert.ok(Math.abs(coarse.value - 500) < 1)
})

test('a very low speed is zero', () => {
  const speed = new Smoothed()
  speed.add(1000, 0)
  assert.equal(speed.add(0, 60_000), 0)
})

test('the time left is unknown at speed 0 and 0 at the end', () => {
  assert.equal(secondsLeft(100, 0), Infinity)
  assert.equal(secondsLeft(0, 0), 0)
  assert.equal(secondsLeft(100, 50), 2)
})

test('piece lengths are powers of two within bounds', () => {
  for (const bytes of [0, 1, 5e6, 1e8, 1e9, 7.3e9, 1e13]) {
    const length = pieceLengthFor(bytes)
    assert.ok(Number.isInteger(Math.log2(length)) && length >= 16_384 && length <= 4_194_304, String(bytes))
  }
  const pieces = 1e9 / pieceLengthFor(1e9)
  assert.ok(pieces > 700 && pieces <= 1500, String(pieces))
})

test('bits are counted', () => {
  assert.equal(countBits(new Uint8Array([0, 255, 1, 128, 0b10101010])), 14)
})

test('retry delays grow to a minute and have jitter', () => {
  assert.equal(retryDelay(0, 0), 2_000)
  assert.equal(retryDelay(3, 0), 16_000)
  assert.equal(retryDelay(5000, 0), 60_000)
  assert.equal(retryDelay(50, 1), 75_000)
})
