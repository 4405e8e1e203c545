import assert from 'node:assert/strict'
import { File } from 'node:buffer'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { FileListStore } from '../share/core/file-list-store.js'

const bytes = (length, from) => Uint8Array.from({ length }, (_, i) => from + i)
const file = (length, from = 0) => new File([bytes(length, from)], 'x')

/** @param {File[]} files */
function storeOf(files, chunkLength = 8) {
  const complaints = []
  const store = new FileListStore(/** @type {any} */ (files), chunkLength, error => complaints.push(error))
  return { store, complaints, get: promisify((index, part, done) => store.get(index, part, done)) }
}

test('chunks span files, and the last one is short', async () => {
  const { store, get } = storeOf([file(5, 0), file(0), file(10, 5), file(4, 15)])
  assert.equal(store.length, 19)
  assert.deepEqual([...(await get(0, null))], [...bytes(8, 0)])
  assert.deepEqual([...(await get(1, null))], [...bytes(8, 8)])
  assert.deepEqual([...(await get(2, null))], [16, 17, 18])
})

test('a part of a chunk can be read', async () => {
  const { get } = storeOf([file(5, 0), file(14, 5)])
  assert.deepEqual([...(await get(0, { offset: 3, length: 4 }))], [3, 4, 5, 6])
  assert.deepEqual([...(await get(2, { offset: 1 }))], [17, 18])
})

test('a file that shrank is an error and is reported', async () => {
  const shrunk = file(10)
  const { get, complaints } = storeOf([shrunk])
  shrunk.slice = () => new Blob([])
  await assert.rejects(get(0, null), { name: 'ChangedFileError' })
  assert.equal(complaints.length, 1)
})

test('the store is read-only', async () => {
  const { store } = storeOf([file(3)])
  await assert.rejects(promisify(store.put).call(store, 0, new Uint8Array(3)))
})
