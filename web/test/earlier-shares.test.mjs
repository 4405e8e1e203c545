import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EarlierShares } from '../share/core/earlier-shares.js'

/** A transfer that only knows its info-hash. */
function transfer(infoHash) {
  const one = Object.assign(new EventTarget(), { infoHash, isTransferring: false, stopped: false })
  return Object.assign(one, {
    stop() {
      one.stopped = true
      one.dispatchEvent(new Event('end'))
    }
  })
}

test('the share of the latest link is handed over with its files, and goes on', () => {
  const earlier = new EarlierShares()
  const [one, two] = [transfer('a'), transfer('b')]
  earlier.add(/** @type {any} */ (one), /** @type {any} */ ({ chosen: ['a'] }))
  earlier.add(/** @type {any} */ (two), /** @type {any} */ ({ chosen: ['a', 'b'] }))
  assert.deepEqual([earlier.has('a'), earlier.has('b'), earlier.has('c')], [true, true, false])
  const latest = earlier.takeLatest()
  assert.equal(latest?.transfer, two)
  assert.deepEqual(latest?.sources.chosen, ['a', 'b'])
  assert.deepEqual([earlier.size, earlier.has('b')], [1, false])
  earlier.stop()
  assert.deepEqual([one.stopped, two.stopped, earlier.takeLatest()], [true, false, null])
})
