// libtorrent (the library of qBittorrent and Deluge) and a Chromium page share a file through the real binary.

import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import WebSocket from 'ws'
import { dataChannelStats, eventually, launchChromium, nextEvent, pattern, randomId, sha256, startServer } from '../support/index.mjs'
import { skipReason, startPeer } from './libtorrent.mjs'
import { openPage, startSite } from './pages.mjs'

const LENGTH = 2 * 1024 * 1024
const EXPECTED = { length: LENGTH, sha256: sha256(pattern(LENGTH)) }
const TRANSFER_MS = 90_000
/** Until a page is connected to the only seeder. If none of its first offers went there, it takes an announce interval, 45 s. */
const SEEDER_MS = 8_000
/** Members beside the seeder: a page makes five offers, so most of them get none. */
const SLEEPERS = 12
const NEWCOMERS = 3
/** A slow newcomer is measured once more, since other programs may have used the processor. */
const ATTEMPTS = 2

const skip = skipReason()

let server, site, browser, folder
before(async () => {
  if (skip) return
  folder = await mkdtemp(join(tmpdir(), 'swarmhub-libtorrent-'))
  ;[server, site, browser] = await Promise.all([startServer(), startSite(), launchChromium()])
})
after(async () => {
  await browser?.close()
  await site?.close()
  await server?.stop()
  if (folder) await rm(folder, { recursive: true, force: true })
})

test('a page downloads what libtorrent seeds', { skip }, async t => {
  const file = join(folder, 'seeded.bin')
  await writeFile(file, pattern(LENGTH))
  const from = await startPeer(t, 'seed', file, server.tracker)
  await from.waitFor(30_000, 'reply')
  const to = await openPage(t, browser, `${site.url}webtorrent`)
  assert.deepEqual(await to.call('download', { magnet: from.magnet }, TRANSFER_MS), EXPECTED)
  assert.deepEqual((await to.seen()).wires, ['webrtc'])
  const { bytesReceived } = await dataChannelStats(to.page)
  assert.ok(bytesReceived >= LENGTH, `${bytesReceived} bytes over data channels`)
  await from.end()
  assert.deepEqual(from.events.filter(it => it.event === 'error'), [])
})

test('libtorrent downloads what a page seeds', { skip }, async t => {
  const from = await openPage(t, browser, `${site.url}webtorrent`)
  const magnet = await from.call('seed', { length: LENGTH, name: 'from-page.bin', tracker: server.tracker })
  await eventually(30_000, async () => (await from.seen()).announces >= 2, 'two announces of the page')
  const to = await startPeer(t, 'download', magnet, folder)
  await to.waitFor(TRANSFER_MS, 'finished')
  await to.end()
  const received = await readFile(join(folder, 'from-page.bin'))
  assert.deepEqual({ length: received.length, sha256: sha256(received) }, EXPECTED)
  assert.deepEqual(to.events.filter(it => it.event === 'error'), [])
})

/** Lets a leecher join that never answers, like a page in the background. */
async function sleeper (t, infoHash) {
  const socket = new WebSocket(server.tracker)
  t.after(() => socket.terminate())
  await nextEvent(10_000, socket, 'open')
  socket.send(JSON.stringify({ action: 'announce', info_hash: infoHash, peer_id: `-WW0300-${randomId().slice(8, 20)}`, left: 1, numwant: 0, offers: [] }))
  await nextEvent(10_000, socket, 'message', 'reply to a sleeper')
}

/** Opens a page that downloads, and returns after how many milliseconds it is connected; `Infinity` if over `SEEDER_MS`. */
async function timeToSeeder (t, magnet) {
  const user = await openPage(t, browser, `${site.url}webtorrent`)
  await user.call('joinAt', { at: Date.now(), magnet })
  await eventually(SEEDER_MS, async () => (await user.seen()).metAt.length, 'a connection to the seeder').catch(() => {})
  const { startedAt, metAt } = await user.seen()
  await user.close()
  return (metAt[0] ?? Infinity) - startedAt
}

test('each newcomer finds the only seeder among sleeping members at once', { skip }, async t => {
  const file = join(folder, 'waiting.bin')
  await writeFile(file, pattern(LENGTH))
  const seeder = await startPeer(t, 'seed', file, server.tracker)
  await seeder.waitFor(30_000, 'reply')
  const infoHash = Buffer.from(/btih:([0-9a-f]{40})/.exec(seeder.magnet)[1], 'hex').toString('latin1')
  await Promise.all(Array.from({ length: SLEEPERS }, () => sleeper(t, infoHash)))
  for (let newcomer = 1; newcomer <= NEWCOMERS; newcomer++) {
    const times = []
    while (times.length < ATTEMPTS && !times.some(ms => ms <= SEEDER_MS)) times.push(await timeToSeeder(t, seeder.magnet))
    console.log(`newcomer ${newcomer} found the seeder after ${times.join(' and ')} ms`)
    assert.ok(Math.min(...times) <= SEEDER_MS, `newcomer ${newcomer}: ${times.join(' and ')} ms`)
  }
})
