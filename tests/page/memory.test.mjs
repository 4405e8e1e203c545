// The memory of a receiver's page does not grow with the size of the file.

import assert from 'node:assert/strict'
import { mkdtemp, open as openFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually, newUserOnDisk, startServer } from '../support/index.mjs'
import { STEP_MS, downloadButton, linkOf } from './support.mjs'

const GB = 1e9
const FILE_BYTES = 3 * GB
/** Memory is measured in these ranges of received bytes: once the page has its usual size, and much later. */
const [EARLY_BYTES, LATE_BYTES] = [[60e6, 120e6], [400e6, 460e6]]
/** An idle page has about 60 MB; pieces in progress and the piece cache come on top. */
const MEMORY_MAX = 330e6
/** Between the early and the late median. Formerly a third of the received data stayed in memory: 113 MB here. */
const GROWTH_MAX = 80e6
const HASHING_MS = 240_000
const TRANSFER_MS = 360_000

test('the receiver of a 3 GB file holds only a few pieces in memory', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'swarmhub-memory-'))
  const users = []
  let server
  try {
    server = await startServer({ args: ['--interval', '30'] })
    for (const name of ['sender', 'receiver']) users.push(await newUserOnDisk(join(folder, name)))
    const [alice, bob] = users
    const path = join(folder, 'huge.bin')
    const file = await openFile(path, 'w')
    await file.truncate(FILE_BYTES)
    await file.close()

    await alice.page.goto(server.page)
    await alice.page.getByRole('button', { name: 'Choose files' }).waitFor()
    await alice.page.locator('input[type=file]').first().setInputFiles(path)
    await alice.page.getByLabel('Link to this share').waitFor({ timeout: HASHING_MS })
    await bob.page.goto(await linkOf(alice.page))
    await downloadButton(bob.page).click({ timeout: STEP_MS })
    /** @type {{ at: number, memory: number }[]} */
    const samples = []
    await eventually(TRANSFER_MS, async () => {
      const [at, memory] = [await fetched(bob.page), await bob.memory()]
      samples.push({ at, memory })
      return at >= LATE_BYTES[1]
    }, 'hundreds of megabytes')
    const [early, late] = [EARLY_BYTES, LATE_BYTES].map(([from, to]) => median(samples.filter(({ at }) => at >= from && at < to).map(({ memory }) => memory)))
    const highest = Math.max(...samples.map(({ memory }) => memory))
    console.log(`memory of the receiver: ${mb(early)} early, ${mb(late)} late, at most ${mb(highest)}; stored ${mb(await stored(bob.page))}`)
    assert.ok(highest < MEMORY_MAX, `${mb(highest)} are in memory`)
    assert.ok(late - early < GROWTH_MAX, `from ${mb(early)} to ${mb(late)}`)
    // Received data is on disk, except for the window.
    assert.ok(await stored(bob.page) > LATE_BYTES[1] - 120e6, `only ${mb(await stored(bob.page))} are on the disk`)
  } finally {
    await Promise.all(users.map(user => user.close().catch(() => {})))
    await server?.stop()
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
})

/** The median, as single samples may come before or after a garbage collection. @param {number[]} values */
function median (values) {
  assert.ok(values.length >= 3, `${values.length} samples are too few`)
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}

const mb = bytes => `${Math.round(bytes / 1e6)} MB`

/** @param {import('playwright-core').Page} page */
const fetched = page => page.evaluate(() => window.__dataChannels.bytesReceived)

/** Bytes of all complete stored pieces: the progress of the page counts partial pieces too. @param {import('playwright-core').Page} page */
const stored = page => page.evaluate(async () => (await navigator.storage.estimate()).usage)
