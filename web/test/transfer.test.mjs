import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { Transfer } from '../share/core/transfer.js'

const HASH = '0218db4d09598926571b9041beb1cb91adc3f60a'

/** A receiver of a torrent that records how it is destroyed. */
function receiver(open) {
  const torrent = Object.assign(new EventEmitter(), {
    infoHash: HASH,
    destroyed: false,
    ended: [],
    destroy(options) {
      this.destroyed = true
      this.ended.push(options)
    }
  })
  const transfer = new Transfer(/** @type {any} */ (torrent), { address: HASH, open })
  return { torrent, transfer }
}

test('stored data of an expired share are deleted, those of other failures stay', async () => {
  for (const [name, destroyStore] of [
    ['ExpiredShareError', true],
    ['WrongKeyError', false]
  ]) {
    const { torrent, transfer } = receiver(async () => {
      throw Object.assign(new Error('x'), { name })
    })
    torrent.emit('metadata')
    await assert.rejects(transfer.reached('offered'), { name })
    assert.deepEqual(torrent.ended, [{ destroyStore }])
  }
})

test('a stopped download is deleted unless another session continues it', () => {
  for (const [options, destroyStore] of [
    [undefined, true],
    [{ destroyStore: false }, false]
  ]) {
    const { torrent, transfer } = receiver(async () => assert.fail())
    transfer.stop(/** @type {any} */ (options))
    assert.deepEqual(torrent.ended, [{ destroyStore }])
  }
})

test('nothing listens after a phase was reached or missed', async () => {
  const { transfer } = receiver(async () => assert.fail())
  const { addEventListener } = transfer
  const signals = []
  transfer.addEventListener = function (type, listener, options) {
    signals.push(options?.signal)
    addEventListener.call(this, type, listener, options)
  }
  await transfer.reached('finding')
  const missed = transfer.reached('done')
  transfer.stop()
  await assert.rejects(missed, { name: 'AbortError' })
  assert.deepEqual(
    signals.map(signal => signal?.aborted),
    [true, true]
  )
})
