import assert from 'node:assert/strict'
import { File } from 'node:buffer'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { Preparation } from '../share/core/preparation.js'
import { hashPieces } from '../share/core/torrent-info.js'

const chosen = paths =>
  paths.map(path => ({ path, file: /** @type {any} */ (new File([path], path.split('/').at(-1))) }))
const ready = paths => new Preparation(chosen(paths), { encrypt: false }).run()

test('the info dictionary is that of BEP 3, and its hash the info-hash', async () => {
  const { torrent } = await ready(['trip/b.txt', 'trip/day 1/ü.txt', 'trip/a.txt'])
  const content = 'trip/a.txttrip/b.txttrip/day 1/ü.txt'
  const pieces = createHash('sha1').update(content).digest('latin1')
  const info = `d5:filesld6:lengthi10e4:pathl5:a.txteed6:lengthi10e4:pathl5:b.txteed6:lengthi17e4:pathl5:day 16:ü.txteee4:name4:trip12:piece lengthi16384e6:pieces20:`
  const bytes = Buffer.concat([Buffer.from(info), Buffer.from(pieces, 'latin1'), Buffer.from('e')])
  assert.deepEqual(Buffer.from(torrent.infoBuffer), bytes)
  assert.equal(torrent.infoHash, createHash('sha1').update(bytes).digest('hex'))
  assert.deepEqual(
    torrent.files.map(({ path, offset }) => [path, offset]),
    [
      ['trip/a.txt', 0],
      ['trip/b.txt', 10],
      ['trip/day 1/ü.txt', 20]
    ]
  )
})

test('a single file and a folder with one file differ', async () => {
  const single = (await ready(['a.txt'])).torrent
  assert.deepEqual([single.name, single.files[0].path, single.length], ['a.txt', 'a.txt', 5])
  const folder = (await ready(['trip/a.txt'])).torrent
  assert.deepEqual([folder.name, folder.files[0].path, folder.files[0].name], ['trip', 'trip/a.txt', 'a.txt'])
})

test('the info-hash does not depend on order or Unicode form', async () => {
  const paths = ['x/f10', 'x/f9', 'x/F1', 'x/\u00e9/1', 'x/z']
  const hash = async paths =>
    (
      await new Preparation(
        paths.map(path => ({ path, file: /** @type {any} */ (new File(['same'], 'x')) })),
        { encrypt: false }
      ).run()
    ).torrent.infoHash
  const first = await hash(paths)
  assert.equal(await hash(paths.toReversed()), first)
  assert.equal(await hash(paths.map(path => path.normalize('NFD'))), first)
  assert.notEqual(await hash(['x/f10', 'x/f9']), first)
})

test('a stopped, empty or unreadable share ends with an error', async () => {
  await assert.rejects(new Preparation([]).run(), { name: 'EmptyShareError' })
  await assert.rejects(new Preparation([{ path: 'a', file: /** @type {any} */ (new File([], 'a')) }]).run(), {
    name: 'EmptyShareError'
  })
  const stopped = new Preparation(chosen(['a']))
  const run = stopped.run()
  stopped.stop()
  await assert.rejects(run, { name: 'AbortError' })
  const [shrunk] = chosen(['a'])
  shrunk.file.slice = () => new Blob([])
  await assert.rejects(new Preparation([shrunk]).run(), { name: 'ChangedFileError' })
})

test('after an unreadable piece no further ones are read', async () => {
  const read = []
  const store = {
    length: 100,
    chunkLength: 1,
    get(index, _part, done) {
      read.push(index)
      queueMicrotask(() => (index === 1 ? done(new Error('gone')) : done(null, new Uint8Array(1))))
    }
  }
  const { signal } = new AbortController()
  await assert.rejects(
    hashPieces(/** @type {any} */ (store), () => {}, signal),
    { message: 'gone' }
  )
  const before = read.length
  await new Promise(resolve => setImmediate(resolve))
  await crypto.subtle.digest('SHA-1', new Uint8Array(1_000_000))
  await new Promise(resolve => setImmediate(resolve))
  assert.ok(read.length <= 6 && read.length === before, `${before}, then ${read.length} of 100`)
})
