import assert from 'node:assert/strict'
import { test } from 'node:test'
import { retryDelay } from '../share/lib/backoff.js'
import { countBits, pieceLengthFor, Smoothed, secondsLeft } from '../share/lib/estimate.js'

test('a speed forgets half of the past in three seconds, in steps of any length', () => {
  const fine = new Smoothed()
  const coarse = new Smoothed()
  fine.add(1000, 0)
  coarse.add(1000, 0)
  for (let t = 250; t <= 3000; t += 250) fine.add(0, t)
  coarse.add(0, 3000)
  assert.ok(Math.abs(fine.value - 500) < 1)
  assert.ok(Math.abs(coarse.value - 500) < 1)
})

test('a speed that has died away is zero', () => {
  const speed = new Smoothed()
  speed.add(1000, 0)
  assert.equal(speed.add(0, 60_000), 0)
})

test('the time left is unknown while nothing moves and none when all is here', () => {
  assert.equal(secondsLeft(100, 0), Infinity)
  assert.equal(secondsLeft(0, 0), 0)
  assert.equal(secondsLeft(100, 50), 2)
})

test('pieces are powers of two within their bounds, about 1500 of them in between', () => {
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

test('waits grow from seconds to a minute and differ between users', () => {
  assert.equal(retryDelay(0, 0), 2_000)
  assert.equal(retryDelay(3, 0), 16_000)
  assert.equal(retryDelay(5000, 0), 60_000)
  assert.equal(retryDelay(50, 1), 75_000)
})
