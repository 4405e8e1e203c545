// libtorrent (the library of qBittorrent and Deluge) and a Chromium page share a file through the real binary.

import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { dataChannelStats, eventually, launchChromium, pattern, sha256, startServer } from '../support/index.mjs'
import { skipReason, startPeer } from './libtorrent.mjs'
import { openPage, startSite } from './pages.mjs'

const LENGTH = 2 * 1024 * 1024
const EXPECTED = { length: LENGTH, sha256: sha256(pattern(LENGTH)) }
const TRANSFER_MS = 90_000

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
