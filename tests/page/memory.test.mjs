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
/** How much of the file is fetched, and how much of it is fetched before the first look at the memory, when the page has its usual size. */
const [FETCHED_BYTES, SETTLED_BYTES] = [400e6, 60e6]
/** A page that only shows something has some 60 MB; the pieces that have begun and the cache of pieces come on top. */
const MEMORY_MAX = 330e6
/** From the first look to the last. Before, a third of what had been fetched stayed in memory: 110 MB here. */
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
    let highest = 0
    const arrived = async bytes => {
      highest = Math.max(highest, await bob.memory())
      return await fetched(bob.page) >= bytes
    }
    await eventually(TRANSFER_MS, () => arrived(SETTLED_BYTES), 'the first part of the file')
    const early = highest
    await eventually(TRANSFER_MS, () => arrived(FETCHED_BYTES), 'hundreds of megabytes')
    console.log(`memory of the receiver: ${mb(early)} at ${mb(SETTLED_BYTES)}, at most ${mb(highest)} up to ${mb(FETCHED_BYTES)}; stored ${mb(await stored(bob.page))}`)
    assert.ok(highest < MEMORY_MAX, `${mb(highest)} are held`)
    assert.ok(highest - early < GROWTH_MAX, `from ${mb(early)} to ${mb(highest)}`)
    // What has been fetched has been written, but for the window.
    assert.ok(await stored(bob.page) > FETCHED_BYTES - 120e6, `only ${mb(await stored(bob.page))} are on the disk`)
  } finally {
    await Promise.all(users.map(user => user.close().catch(() => {})))
    await server?.stop()
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
})

const mb = bytes => `${Math.round(bytes / 1e6)} MB`

/** @param {import('playwright-core').Page} page */
const fetched = page => page.evaluate(() => window.__dataChannels.bytesReceived)

/** Bytes of all pieces that are whole and stored: the page's own progress counts half pieces too. @param {import('playwright-core').Page} page */
const stored = page => page.evaluate(async () => (await navigator.storage.estimate()).usage)
