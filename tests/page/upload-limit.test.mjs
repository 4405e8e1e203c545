// The upload limit of a sender.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pattern } from '../support/index.mjs'
import { download, inMemory, open, share, stage } from './support.mjs'

const { here, withUsers } = stage()
const BYTES = 12_000_000
const LIMIT = 1_000_000

test('a sender limits its upload, and the browser remembers it', withUsers(2, async (alice, bob) => {
  await share(alice.page, here.server.page, inMemory('first.bin', pattern(100_000, 72)))
  await alice.page.getByLabel('Send at most').selectOption('1.00 MB/s')
  alice.page.once('dialog', dialog => dialog.accept())
  const link = await share(alice.page, `${here.server.page}?again`, inMemory('limited.bin', pattern(BYTES, 73)))
  assert.equal(await alice.page.getByLabel('Send at most').inputValue(), String(LIMIT))
  await open(bob.page, link)
  const from = performance.now()
  await download(bob.page)
  const seconds = (performance.now() - from) / 1000
  // The first second of the limit may be sent at once.
  assert.ok(seconds > (BYTES - LIMIT) / LIMIT - 0.5, `${BYTES} bytes in ${seconds} s`)
}))
