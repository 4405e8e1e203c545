import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  decryptMessage,
  encryptMessage,
  RECORD_BYTES,
  RECORD_CONTENT_BYTES,
  RecordCipher,
  recordsOf,
  sealedLength
} from '../share/lib/aes128gcm.js'
import { padme } from '../share/lib/padding.js'
import { fromBase64Url, toBase64Url, withPassword } from '../share/lib/share-key.js'

const secret = fromBase64Url('yqdlZ-tYemfogSmv7Ws5PQ')
const salt = fromBase64Url('I1BsxtFttlv3u_Oo94xnmw')
const walrus = new TextEncoder().encode('I am the walrus')
const random = length => crypto.getRandomValues(new Uint8Array(length))

test('the examples of RFC 8188 are decrypted', async () => {
  const simple = fromBase64Url('I1BsxtFttlv3u_Oo94xnmwAAEAAA-NAVub2qFgBEuQKRapoZu-IxkIva3MEB1PD-ly8Thjg')
  assert.deepEqual(await decryptMessage(secret, simple), walrus)
  // Two records of 25 bytes with padding, and a key with the name "a1".
  const several = fromBase64Url(
    'uNCkWiNYzKTnBN9ji3-qWAAAABkCYTHOG8chz_gnvgOqdGYovxyjuqRyJFjEDyoF1Fvkj6hQPdPHI51OEUKEpgz3SsLWIqS_uA'
  )
  assert.deepEqual(await decryptMessage(fromBase64Url('BO3ZVPxUlnLORbVGMpbT1Q'), several), walrus)
})

test('the record of the first example of RFC 8188 is encrypted', async () => {
  const cipher = await RecordCipher.derive(secret, salt)
  assert.equal(toBase64Url(await cipher.encrypt(0, walrus, true)), '-NAVub2qFgBEuQKRapoZu-IxkIva3MEB1PD-ly8Thjg')
})

test('messages of any length are decrypted', async () => {
  for (const length of [1, RECORD_CONTENT_BYTES, RECORD_CONTENT_BYTES + 1, 3 * RECORD_CONTENT_BYTES - 1]) {
    const content = new Uint8Array(length).fill(7)
    const message = await encryptMessage(secret, random(16), content)
    assert.equal(message.byteLength, 21 + sealedLength(length))
    assert.deepEqual(await decryptMessage(secret, message), content)
  }
})

test('changed, moved, cut and foreign records are refused', async () => {
  const bad = { name: 'BadRecordError' }
  const content = new Uint8Array(2 * RECORD_CONTENT_BYTES).fill(1)
  const message = await encryptMessage(secret, salt, content)
  const changed = message.slice()
  changed[100] ^= 1
  await assert.rejects(decryptMessage(secret, changed), bad)
  await assert.rejects(decryptMessage(random(16), message), bad)
  // The first record has the delimiter of one that others follow.
  await assert.rejects(decryptMessage(secret, message.subarray(0, 21 + RECORD_BYTES)), bad)
  const cipher = await RecordCipher.derive(secret, salt)
  const second = message.subarray(21 + RECORD_BYTES)
  await assert.rejects(cipher.decrypt(0, second, true), bad)
  assert.equal((await cipher.decrypt(1, second, true)).byteLength, RECORD_CONTENT_BYTES)
})

test('headers that lie are refused', async () => {
  for (const size of [0, 17, 1024 * 1024 + 1, 0xffffffff]) {
    const message = new Uint8Array(60)
    new DataView(message.buffer).setUint32(16, size)
    await assert.rejects(decryptMessage(secret, message), { name: 'BadRecordError' }, String(size))
  }
  await assert.rejects(decryptMessage(secret, new Uint8Array(20)), { name: 'BadRecordError' })
  await assert.rejects(decryptMessage(secret, new Uint8Array([...new Uint8Array(19), 64, 255])), {
    name: 'BadRecordError'
  })
})

test('each record has its own nonce, also beyond 32 bits', async () => {
  const cipher = await RecordCipher.derive(secret, salt)
  const indices = [0, 1, 2, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 40]
  const records = await Promise.all(indices.map(async index => toBase64Url(await cipher.encrypt(index, walrus, true))))
  assert.equal(new Set(records).size, indices.length)
})

test('a range is in the records that contain its ends', () => {
  assert.deepEqual(recordsOf(0, 0), { first: 0, last: 0 })
  assert.deepEqual(recordsOf(RECORD_CONTENT_BYTES - 1, RECORD_CONTENT_BYTES), { first: 0, last: 1 })
})

test('padding follows the rule Padmé', () => {
  // From the table of the paper: at most 12 %, less for larger lengths.
  for (const [length, padded] of [
    [0, 0],
    [1, 1],
    [9, 10],
    [1000, 1024],
    [1024, 1024],
    [4097, 4352],
    [1_000_000, 1_015_808],
    [2 ** 40 + 1, 2 ** 40 + 2 ** 34]
  ])
    assert.equal(padme(length), padded, String(length))
  for (let i = 0; i < 5000; i++) {
    const length = Math.floor(2 ** (Math.random() * 50))
    const padded = padme(length)
    if (length >= 65_536) assert.ok(padded <= length * 1.032, `${length} → ${padded}`)
    assert.ok(padded >= length && padded <= length * 1.12 && padme(padded) === padded, `${length} → ${padded}`)
  }
})

test('a password changes the secret, in any Unicode form alike', async () => {
  const first = await withPassword(secret, 'caf\u00e9')
  assert.equal(first.byteLength, 16)
  assert.deepEqual(await withPassword(secret, 'cafe\u0301'), first)
  assert.notDeepEqual(await withPassword(secret, 'cafe'), first)
  assert.notDeepEqual(await withPassword(salt, 'caf\u00e9'), first)
})
