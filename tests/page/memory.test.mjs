// What a receiver's page holds in memory does not grow with the size of the file.

import assert from 'node:assert/strict'
import { mkdtemp, open as openFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually, newUserOnDisk, startServer } from '../support/index.mjs'
import { STEP_MS, downloadButton, linkOf } from './support.mjs'

const GB = 1e9
const FILE_BYTES = 3 * GB
/** While so much is fetched the memory is looked at: when the page has its usual size, and much later. */
const [EARLY_BYTES, LATE_BYTES] = [[60e6, 120e6], [400e6, 460e6]]
/** A page that only shows something has some 60 MB; the pieces that have begun and the cache of pieces come on top. */
const MEMORY_MAX = 330e6
/** Of what is usual early and late. Before, a third of what had been fetched stayed in memory: 113 MB here. */
const GROWTH_MAX = 80e6
const HASHING_MS = 240_000
const TRANSFER_MS = 360_000

test('a receiver of a file of 3 GB holds a few pieces in memory, however far it is', async () => {
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
    const looks = []
    await eventually(TRANSFER_MS, async () => {
      const [at, memory] = [await fetched(bob.page), await bob.memory()]
      looks.push({ at, memory })
      return at >= LATE_BYTES[1]
    }, 'hundreds of megabytes')
    const [early, late] = [EARLY_BYTES, LATE_BYTES].map(([from, to]) => median(looks.filter(({ at }) => at >= from && at < to).map(({ memory }) => memory)))
    const highest = Math.max(...looks.map(({ memory }) => memory))
    console.log(`memory of the receiver: ${mb(early)} early, ${mb(late)} late, at most ${mb(highest)}; stored ${mb(await stored(bob.page))}`)
    assert.ok(highest < MEMORY_MAX, `${mb(highest)} are held`)
    assert.ok(late - early < GROWTH_MAX, `from ${mb(early)} to ${mb(late)}`)
    // What has been fetched has been written, but for the window.
    assert.ok(await stored(bob.page) > LATE_BYTES[1] - 120e6, `only ${mb(await stored(bob.page))} are on the disk`)
  } finally {
    await Promise.all(users.map(user => user.close().catch(() => {})))
    await server?.stop()
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
})

/** What is usual: single looks come before or after the browser has tidied up. @param {number[]} values */
function median (values) {
  assert.ok(values.length >= 3, `${values.length} looks are too few`)
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}

const mb = bytes => `${Math.round(bytes / 1e6)} MB`

/** @param {import('playwright-core').Page} page */
const fetched = page => page.evaluate(() => window.__dataChannels.bytesReceived)

/** Bytes of all pieces that are whole and stored: the page's own progress counts half pieces too. @param {import('playwright-core').Page} page */
const stored = page => page.evaluate(async () => (await navigator.storage.estimate()).usage)
