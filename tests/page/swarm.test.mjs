// Receivers of one sender exchange pieces, although each requests few pieces at a time.

import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { dataChannelStats, pattern } from '../support/index.mjs'
import { downloadButton, open, saveAllButton, share, stage } from './support.mjs'

const RECEIVERS = 5
const BYTES = 50_000_000
/** Data sent by the sender in multiples of the file; without exchange it would be five. */
const SENT_MAX = 3.5
const TRANSFER_MS = 240_000

const { here, withUsers } = stage()

test('five receivers get much of a file from each other', withUsers(1 + RECEIVERS, async (alice, ...receivers) => {
  const file = join(here.folder, 'popular.bin')
  await writeFile(file, pattern(BYTES, 60))
  const link = await share(alice.page, here.server.page, file)
  for (const { page } of receivers) await open(page, link)
  await Promise.all(receivers.map(({ page }) => downloadButton(page).click()))
  await Promise.all(receivers.map(({ page }) => saveAllButton(page).waitFor({ timeout: TRANSFER_MS })))
  const sent = (await dataChannelStats(alice.page)).bytesSent / BYTES
  const relayed = await Promise.all(receivers.map(async ({ page }) => (await dataChannelStats(page)).bytesSent / BYTES))
  console.log(`the sender sent ${sent.toFixed(2)} times the file, the receivers ${relayed.map(part => part.toFixed(2)).join(', ')}`)
  assert.ok(sent < SENT_MAX, `the sender sent ${sent.toFixed(2)} times the file`)
}))
