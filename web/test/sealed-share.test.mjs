import assert from 'node:assert/strict'
import { File } from 'node:buffer'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { plainContents, sealedContents, sentContents } from '../share/core/contents.js'
import { EncryptedStore } from '../share/core/encrypted-store.js'
import { FileListStore } from '../share/core/file-list-store.js'
import { findPastShare, forgettable } from '../share/core/past-shares.js'
import { Preparation } from '../share/core/preparation.js'
import { decrypted } from '../share/core/record-reader.js'
import { isReusable, sealShare } from '../share/core/sealed-share.js'
import { ShareLock } from '../share/core/share-lock.js'
import { INDEX_KEY, torrentOf as torrentInfo } from '../share/core/torrent-info.js'
import { decryptMessage, encryptMessage, RecordCipher, sealedLength } from '../share/lib/aes128gcm.js'
import { parseLink } from '../share/lib/link.js'
import { encodeIndex, paddedSize } from '../share/lib/share-index.js'

const secret = new Uint8Array(16).fill(3)
const salt = new Uint8Array(16).fill(4)
const content = length => Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 255)
const fileOf = (bytes, name = 'x') => /** @type {any} */ (new File([bytes], name, { lastModified: 1 }))
const hashOf = bytes => createHash('sha1').update(bytes).digest()

/** @param {File[]} files */
async function storeOf(files, contentLength, chunkLength, options = {}) {
  const source = new FileListStore(/** @type {any} */ (files), chunkLength, () => {})
  const cipher = await RecordCipher.derive(secret, salt)
  const store = new EncryptedStore(source, cipher, { contentLength, chunkLength, ...options })
  return { store, get: promisify((index, part, done) => store.get(index, part, done)) }
}

/** All records of a content. */
const sealedOf = async bytes => (await encryptMessage(secret, salt, bytes)).subarray(21)

test('the pieces of the store are the encrypted content, for pieces below and above a record', async () => {
  const bytes = content(300_000)
  const padded = new Uint8Array(310_000)
  padded.set(bytes)
  const expected = await sealedOf(padded)
  for (const chunkLength of [16_384, 65_536, 262_144]) {
    const files = [fileOf(bytes.subarray(0, 100)), fileOf(new Uint8Array(0)), fileOf(bytes.subarray(100))]
    const { store, get } = await storeOf(files, padded.length, chunkLength)
    assert.equal(store.length, expected.length)
    const pieces = []
    for (let i = 0; i * chunkLength < store.length; i++) pieces.push(await get(i, null))
    assert.equal(Buffer.compare(Buffer.concat(pieces), expected), 0, String(chunkLength))
    assert.deepEqual(await get(1, { offset: 10, length: 20 }), expected.slice(chunkLength + 10, chunkLength + 30))
  }
})

test('a piece of a file that changed unnoticed never leaves the store', async () => {
  const bytes = content(40_000)
  const original = await storeOf([fileOf(bytes)], 40_000, 16_384)
  const hashes = Buffer.concat(await Promise.all([0, 1, 2].map(async i => hashOf(await original.get(i, null)))))
  const errors = []
  const changed = bytes.slice()
  changed[20_000] ^= 1
  const { get } = await storeOf([fileOf(changed)], 40_000, 16_384, {
    hashes,
    onUnreadable: error => errors.push(error)
  })
  await assert.rejects(get(1, null), { name: 'ChangedFileError' })
  assert.equal(errors.length, 1)
})

test('a share has no name and no exact size outside of its ciphertext', async () => {
  const ready = await new Preparation([
    { path: 'secret plans/bomb.txt', file: fileOf('walrus') },
    { path: 'secret plans/b.txt', file: fileOf('eggman') }
  ]).run()
  const info = Buffer.from(ready.torrent.infoBuffer).toString('latin1')
  for (const word of ['secret', 'plans', 'bomb', 'txt', 'walrus']) assert.ok(!info.includes(word), word)
  assert.match(info, /^d6:lengthi4113e4:name9:encrypted12:piece lengthi16384e6:pieces20:/)
  assert.equal(ready.name, 'secret plans')
  assert.deepEqual(
    ready.files.map(({ path }) => path),
    ['secret plans/b.txt', 'secret plans/bomb.txt']
  )
  const other = await new Preparation([{ path: 'a', file: fileOf('x') }]).run()
  assert.equal(other.torrent.infoBuffer.length, ready.torrent.infoBuffer.length, 'one file or two')
})

test('two shares of the same files have different keys, unless the browser remembers the first', async () => {
  const share = () => new Preparation([{ path: 'a', file: fileOf('same') }]).run()
  const [first, second] = [await share(), await share()]
  assert.notEqual(first.torrent.infoHash, second.torrent.infoHash)
  assert.notEqual(first.address, second.address)
})

test('remembered shares are bounded in number and age', () => {
  const day = 24 * 3600_000
  const now = 100 * day
  const shares = Array.from({ length: 102 }, (_, i) => ({ id: `s${i}`, usedAt: now - i * 1000, expires: null }))
  shares.push({ id: 'old', usedAt: now - 31 * day, expires: null })
  shares.push({ id: 'over', usedAt: now, expires: now - 1 })
  assert.deepEqual(forgettable(shares, now), ['s100', 's101', 'old', 'over'])
})

test('options that need encryption, and lists that no client takes, are refused', async () => {
  const chosen = [{ path: 'a', file: fileOf('x') }]
  await assert.rejects(new Preparation(chosen, { encrypt: false, password: 'x' }).run(), { name: 'TypeError' })
  const many = Array.from({ length: 200_001 }, () => ({ path: 'a', size: 1, file: fileOf('x') }))
  const signal = new AbortController().signal
  await assert.rejects(
    sealShare(many, 'a', {}, () => {}, signal),
    { name: 'TooManyFilesError' }
  )
  const long = Array.from({ length: 2600 }, (_, i) => ({ path: `${i}`.padEnd(4000, 'a'), size: 1, file: fileOf('x') }))
  const onRead = () => assert.fail('no file is read in vain')
  await assert.rejects(sealShare(long, 'a', {}, onRead, signal), { name: 'TooManyFilesError' })
  const listed = [{ path: 'a', size: 1 }]
  await assert.rejects(torrentInfo(listed, 'a', 16_384, new Uint8Array(10_000_000)), { name: 'TooManyFilesError' })
})

/** A complete torrent with the bytes of a share, as far as contents know it. */
function torrentOf(bytes, pieceLength, have = () => true) {
  const count = Math.ceil(bytes.length / pieceLength)
  const file = {
    offset: 0,
    length: bytes.length,
    stream: ({ start, end }) => new Blob([bytes.slice(start, end + 1)]).stream()
  }
  return /** @type {any} */ ({
    files: [file],
    pieceLength,
    bitfield: { get: have },
    pieces: Array.from({ length: count }, (_, i) =>
      have(i) ? null : { length: pieceLength, missing: pieceLength / 2 }
    )
  })
}

const readAll = async stream => Buffer.from(await new Response(stream).arrayBuffer())

test('any range of any file equals that of the whole', async () => {
  const sizes = [70_000, 0, 1, 200_000, 65_519]
  const files = sizes.map((size, i) => ({ path: `s/${i}`, size }))
  const padded = new Uint8Array(paddedSize(files))
  padded.set(content(sizes.reduce((a, b) => a + b)))
  const cipher = await RecordCipher.derive(secret, salt)
  for (const pieceLength of [16_384, 65_536, 262_144]) {
    const torrent = torrentOf(await sealedOf(padded), pieceLength)
    const contents = sealedContents(torrent, { name: 's', files, salt, expires: null }, cipher)
    let offset = 0
    for (const [i, size] of sizes.entries()) {
      for (let round = 0; round < 12 && size; round++) {
        const start = round ? Math.floor(Math.random() * size) : 0
        const end = round ? start + Math.floor(Math.random() * (size - start)) : size - 1
        const bytes = await readAll(contents.files[i].read({ start, end }, null))
        assert.ok(
          bytes.equals(padded.subarray(offset + start, offset + end + 1)),
          `${pieceLength}: ${i} ${start}-${end}`
        )
      }
      offset += size
    }
    assert.equal(contents.files[1].done, true)
  }
})

test('a file is complete with the pieces of its records, and its progress follows them', async () => {
  const files = [
    { path: 's/a', size: 65_519 },
    { path: 's/b', size: 131_038 }
  ]
  const cipher = await RecordCipher.derive(secret, salt)
  const torrent = torrentOf(new Uint8Array(sealedLength(paddedSize(files))), 65_536, i => i === 0)
  const {
    files: [a, b]
  } = sealedContents(torrent, { name: 's', files, salt, expires: null }, cipher)
  assert.deepEqual([a.done, a.downloaded, a.span], [true, 65_519, { offset: 0, length: 65_536 }])
  assert.deepEqual([b.done, b.downloaded, b.span], [false, 65_519, { offset: 65_536, length: 131_072 }])
})

test('a torrent whose length contradicts its index is refused', async () => {
  const files = [{ path: 's', size: 10_000 }]
  const cipher = await RecordCipher.derive(secret, salt)
  for (const wrong of [-1, 1, 4096]) {
    const torrent = torrentOf(new Uint8Array(sealedLength(paddedSize(files)) + wrong), 16_384)
    assert.equal(sealedContents(torrent, { name: 's', files, salt, expires: null }, cipher), null)
  }
})

test('a torrent with another number of pieces than its length needs is refused', async () => {
  const files = [{ path: 's', size: 1_000_000 }]
  const cipher = await RecordCipher.derive(secret, salt)
  const good = torrentOf(new Uint8Array(sealedLength(paddedSize(files))), 65_536)
  const sealed = torrent => sealedContents(torrent, { name: 's', files, salt, expires: null }, cipher)
  const plain = torrent => plainContents(torrent)
  for (const contents of [sealed, plain]) {
    assert.ok(contents(good))
    const wrong = [1, 0, -1, 0.5, Number.NaN, 2 ** 60].map(pieceLength => ({ ...good, pieceLength }))
    for (const torrent of [...wrong, { ...good, pieces: good.pieces.slice(1) }, { ...good, pieces: [] }])
      assert.equal(contents(torrent), null, `${torrent.pieceLength} ${torrent.pieces.length}`)
  }
  assert.equal(plain({ ...good, files: [{ length: -1 }, { length: good.files[0].length + 1 }] }), null)
  const lock = new ShareLock({ key: null, hasPassword: false })
  await assert.rejects(lock.open({ ...good, pieces: [] }, null), { name: 'DamagedShareError' })
})

test('a sender reads the files that it shares', async () => {
  const chosen = [
    { path: 'trip/b.txt', file: fileOf('second') },
    { path: 'trip/a.txt', file: fileOf('first one') }
  ]
  for (const encrypt of [true, false]) {
    const ready = await new Preparation(chosen, { encrypt }).run()
    const { files } = sentContents(ready, null)
    const texts = await Promise.all(
      files.map(async file => String(await readAll(file.read({ start: 1, end: 4 }, null))))
    )
    assert.deepEqual(texts, ['irst', 'econ'])
  }
})

test('a record with padding before the last is not valid', async () => {
  const sealed = new Blob([new Uint8Array(200_000)]).stream()
  const cipher = /** @type {any} */ ({ decrypt: async () => new Uint8Array(60_000) })
  await assert.rejects(readAll(decrypted(sealed, cipher, { start: 0, end: 190_000, finalRecord: 3 })), {
    name: 'BadRecordError'
  })
})

test('a remembered share is used again only if its expiry fits, by a clock that went forward', () => {
  const hour = 3600_000
  const reusable = (expires, lifetime, usedAt = -hour) => isReusable({ expires, usedAt }, lifetime, 0)
  assert.equal(reusable(null, null), true)
  assert.equal(reusable(0.5 * hour, hour), true)
  assert.equal(reusable(hour, hour), true)
  assert.equal(reusable(0.4 * hour, hour), false, 'only minutes are left')
  assert.equal(reusable(1.1 * hour, hour), false, 'the clock was ahead')
  assert.equal(reusable(null, null, 1), false, 'used in the future')
})

test('a database that does not answer is treated as missing', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const open = t.mock.fn(() => ({}))
  Object.defineProperty(globalThis, 'indexedDB', { configurable: true, value: { open } })
  t.after(() => Reflect.deleteProperty(globalThis, 'indexedDB'))
  const found = findPastShare('x')
  t.mock.timers.tick(2000)
  assert.equal(await found, null)
  assert.equal(open.mock.callCount(), 1)
})

/** Shares a file and returns what its receiver gets. */
async function received(options = {}) {
  const bytes = content(100_000)
  const ready = await new Preparation([{ path: 'film.webm', file: fileOf(bytes) }], options).run()
  const store = ready.openStore(error => assert.fail(String(error)))
  const get = promisify((index, done) => store.get(index, null, done))
  const pieces = []
  for (let i = 0; i * store.chunkLength < store.length; i++) pieces.push(await get(i))
  const info = Buffer.from(ready.torrent.infoBuffer)
  const at = info.indexOf(INDEX_KEY) + INDEX_KEY.length
  const colon = info.indexOf(':', at)
  const index = new Uint8Array(info.subarray(colon + 1, colon + 1 + Number(info.toString('latin1', at, colon))))
  const link = parseLink(ready.address)
  assert.equal(link.kind, 'share')
  return { bytes, link, index, torrent: torrentOf(Buffer.concat(pieces), store.chunkLength) }
}

test('a receiver opens a share with the key of the link only', async () => {
  const { bytes, link, index, torrent } = await received()
  const contents = await new ShareLock(link).open(torrent, index)
  assert.deepEqual([contents.name, contents.files.map(({ path }) => path)], ['film.webm', ['film.webm']])
  assert.ok((await readAll(contents.files[0].read({ start: 0, end: bytes.length - 1 }, null))).equals(bytes))

  const otherKey = { key: 'AAAAAAAAAAAAAAAAAAAAAA', hasPassword: false }
  await assert.rejects(new ShareLock(otherKey).open(torrent, index), { name: 'WrongKeyError' })
  await assert.rejects(new ShareLock({ key: null, hasPassword: false }).open(torrent, index), {
    name: 'MissingKeyError'
  })
  await assert.rejects(new ShareLock(link).open(torrent, null), { name: 'WrongKeyError' })
  // The link without the "p" of a share with a password, or with one too much.
  await assert.rejects(new ShareLock({ ...link, hasPassword: true }).open(torrent, index, 'x'), {
    name: 'WrongPasswordError'
  })
})

test('a password is needed if the sender set one', async () => {
  const { link, index, torrent } = await received({ password: 'open sesame' })
  assert.equal(link.hasPassword, true)
  const lock = new ShareLock(link)
  await assert.rejects(lock.open(torrent, index, 'open says me'), { name: 'WrongPasswordError' })
  assert.equal((await lock.open(torrent, index, 'open sesame')).name, 'film.webm')
  await assert.rejects(new ShareLock({ ...link, hasPassword: false }).open(torrent, index), { name: 'WrongKeyError' })
})

test('an expired share is not opened', async () => {
  const { link, index, torrent } = await received({ lifetime: 60_000 })
  const contents = await new ShareLock(link).open(torrent, index)
  assert.ok(Math.abs((contents.expires ?? 0) - Date.now() - 60_000) < 50_000)
  const over = await received({ lifetime: -1 })
  await assert.rejects(new ShareLock(over.link).open(over.torrent, over.index), { name: 'ExpiredShareError' })
})

test('a record that the sender made wrongly is an error of its own', async () => {
  const files = [{ path: 'a', size: 100_000 }]
  const length = paddedSize(files)
  const sealed = (await sealedOf(new Uint8Array(length))).slice()
  sealed[70_000] ^= 1
  const torrent = torrentOf(sealed, 16_384)
  const index = await encryptMessage(secret, new Uint8Array(16), encodeIndex({ name: 'a', files, salt, expires: null }))
  assert.ok((await decryptMessage(secret, index)).length > 0)
  const contents = await new ShareLock({ key: 'AwMDAwMDAwMDAwMDAwMDAw', hasPassword: false }).open(torrent, index)
  assert.equal((await readAll(contents.files[0].read({ start: 0, end: 60_000 }, null))).length, 60_001)
  await assert.rejects(readAll(contents.files[0].read({ start: 0, end: 70_000 }, null)), { name: 'BadRecordError' })
})
