// The memory of a receiver's tab does not grow with the size of the file. The sharing page sends it, and the element on a page
// of another origin receives it. By hand: RECEIVER=firefox receives it in Firefox, RECEIVED_BYTES=3e9 receives all of it.

import assert from 'node:assert/strict'
import { mkdtemp, open as openFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually, newFirefoxUserOnDisk, newUserOnDisk, startServer, startStatic } from '../support/index.mjs'
import { STEP_MS, downloadButton, linkOf } from './support.mjs'

const GB = 1e9
const FILE_BYTES = 3 * GB
const RECEIVED_BYTES = Number(process.env.RECEIVED_BYTES ?? 460e6)
const IN_FIREFOX = process.env.RECEIVER === 'firefox'
/** Memory is measured in these ranges of received bytes: once the page has its usual size, and much later. */
const [EARLY_BYTES, LATE_BYTES] = [[60e6, 120e6], [RECEIVED_BYTES - 60e6, RECEIVED_BYTES]]
/** An idle page has about 60 MB; pieces in progress and the piece cache come on top. In Firefox one process has all pages. */
const MEMORY_MAX = IN_FIREFOX ? 600e6 : 330e6
/** Between the early and the late median. Formerly a third of the received data stayed in memory: 113 MB here. */
const GROWTH_MAX = 80e6
const HASHING_MS = 240_000
const TRANSFER_MS = 360_000 + RECEIVED_BYTES / 5e3

test('the receiver of a 3 GB file holds only a few pieces in memory', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'swarmhub-memory-'))
  const users = []
  let server, site
  try {
    server = await startServer({ args: ['--interval', '30'] })
    site = await startStatic({ pages: { '/': `<!doctype html><title>A shop</title><script type="module" src="${server.page}embed.js"></script><swarm-share></swarm-share>` } })
    users.push(await newUserOnDisk(join(folder, 'sender'), { loopbackOnly: !IN_FIREFOX }))
    users.push(await (IN_FIREFOX ? newFirefoxUserOnDisk : newUserOnDisk)(join(folder, 'receiver')))
    const [alice, bob] = users
    const path = join(folder, 'huge.bin')
    const file = await openFile(path, 'w')
    await file.truncate(FILE_BYTES)
    await file.close()

    await alice.page.goto(server.page)
    await alice.page.getByRole('button', { name: 'Choose files' }).waitFor()
    await alice.page.locator('input[type=file]').first().setInputFiles(path)
    await alice.page.getByLabel('Link to this share').waitFor({ timeout: HASHING_MS })
    const link = new URL(await linkOf(alice.page))
    await bob.page.goto(site.url + link.hash)
    await downloadButton(bob.page).click({ timeout: STEP_MS })
    /** @type {{ at: number, memory: number }[]} */
    const samples = []
    await eventually(TRANSFER_MS, async () => {
      const [at, memory] = [await fetched(bob.page), await bob.memory()]
      samples.push({ at, memory })
      return at >= LATE_BYTES[1] || await isDone(bob.page)
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
    await Promise.all([site?.close(), server?.stop()])
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
})

/** The median, as single samples may come before or after a garbage collection. @param {number[]} values */
function median (values) {
  assert.ok(values.length >= 3, `${values.length} samples are too few`)
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}

/** @param {import('playwright-core').Page} page */
const isDone = page => page.evaluate(() => document.querySelector('swarm-share').state === 'done')

const mb = bytes => `${Math.round(bytes / 1e6)} MB`

/** @param {import('playwright-core').Page} page */
const fetched = page => page.evaluate(() => window.__dataChannels.bytesReceived)

/** Bytes of all complete stored pieces: the progress of the page counts partial pieces too. @param {import('playwright-core').Page} page */
const stored = page => page.evaluate(async () => (await navigator.storage.estimate()).usage)
