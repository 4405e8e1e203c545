// The browser bundle of webtorrent in Chromium pages that find each other only through the real binary.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { dataChannelStats, eventually, launchChromium, pattern, sha256, startServer } from '../support/index.mjs'
import { openPage, startSite } from './pages.mjs'

const LENGTH = 5 * 1024 * 1024
const EXPECTED = { length: LENGTH, sha256: sha256(pattern(LENGTH)) }
const TRANSFER_MS = 90_000

let server, site, browser
before(async () => {
  [server, site, browser] = await Promise.all([startServer({ args: ['--interval', '20'] }), startSite(), launchChromium()])
})
after(async () => {
  await browser?.close()
  await site?.close()
  await server?.stop()
})

/** Opens a page that seeds, and waits until it has sent its offers to the tracker. */
async function seeder (t) {
  const user = await openPage(t, browser, `${site.url}webtorrent`)
  const magnet = await user.call('seed', { length: LENGTH, name: 'five.bin', tracker: server.tracker })
  // The first announce ("completed") carries no offers. If the offers of two peers cross, both drop them.
  await eventually(30_000, async () => (await user.seen()).announces >= 2, 'two announces of the seeder')
  return { ...user, magnet }
}

/** Asserts that every byte was received over data channels. */
async function assertPeerToPeer (user) {
  const { wires, warnings } = await user.seen()
  assert.ok(wires.length > 0)
  assert.ok(wires.every(type => type === 'webrtc'), `wires: ${wires}`)
  assert.deepEqual(warnings, [])
  const stats = await dataChannelStats(user.page)
  assert.ok(stats.bytesReceived >= LENGTH, `received ${stats.bytesReceived} bytes over data channels`)
}

test('one page downloads a 5 MB file from another', async t => {
  const from = await seeder(t)
  const to = await openPage(t, browser, `${site.url}webtorrent`)
  assert.deepEqual(await to.call('download', { magnet: from.magnet }, TRANSFER_MS), EXPECTED)
  await assertPeerToPeer(to)
})

test('five pages share a 5 MB file, and each connects to every other', async t => {
  const from = await seeder(t)
  const receivers = []
  const downloads = []
  for (let i = 0; i < 4; i++) {
    const user = await openPage(t, browser, `${site.url}webtorrent`)
    receivers.push(user)
    downloads.push(user.call('download', { magnet: from.magnet }, TRANSFER_MS))
    // Sequentially, so that no offers cross.
    await eventually(TRANSFER_MS, async () => (await user.seen()).peerIds.length >= i + 1, `page ${i + 2} meets the ${i + 1} before it`)
  }
  for (const got of await Promise.all(downloads)) assert.deepEqual(got, EXPECTED)
  for (const user of receivers) await assertPeerToPeer(user)
  for (const user of [from, ...receivers]) assert.equal((await user.seen()).peerIds.length, 4)
})
