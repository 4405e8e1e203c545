import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Publication } from '../share/core/publication.js'

/** A preparation that is ready at once. */
const prepared = () => ({ run: async () => ({}), stop() {} })

/** Transfers that never get a link by themselves, and what the session was told. */
function owner() {
  const started = []
  const told = []
  return {
    started,
    told,
    load: async () => ({}),
    start() {
      const link = Promise.withResolvers?.() ?? deferred()
      const transfer = {
        stopped: 0,
        reached: () => link.promise,
        works: link.resolve,
        stop() {
          this.stopped++
          link.reject(new DOMException('the transfer has ended', 'AbortError'))
        }
      }
      started.push(transfer)
      return transfer
    },
    onShared: transfer => told.push(transfer),
    onFailed: () => told.push('failed')
  }
}

function deferred() {
  const parts = {}
  const promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }))
  return { ...parts, promise }
}

/** Lets promises settle. */
const turn = () => new Promise(resolve => setImmediate(resolve))

test('the end stops a transfer whose link does not work yet, and nobody waits for ever', async () => {
  const one = owner()
  const publication = new Publication(/** @type {any} */ (prepared()), /** @type {any} */ (one))
  await turn()
  publication.end()
  await assert.rejects(publication.result, { name: 'AbortError' })
  assert.deepEqual([one.started.map(({ stopped }) => stopped), one.told], [[1], []])
})

test('more files stop a transfer whose link does not work yet, and get the next one', async () => {
  const one = owner()
  const publication = new Publication(/** @type {any} */ (prepared()), /** @type {any} */ (one))
  await turn()
  publication.replace(/** @type {any} */ (prepared()))
  await turn()
  assert.equal(one.started.length, 2)
  one.started[1].works()
  assert.equal(await publication.result, one.started[1])
  assert.deepEqual([one.started[0].stopped, one.told], [1, [one.started[1]]])
  // It belongs to the session now.
  publication.end()
  assert.equal(one.started[1].stopped, 0)
})
