// p2p-media-loader (video players that share segments) in Chromium pages, introduced by the real binary. It
// uses the reference client without `left` and without "stopped".

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { dataChannelStats, launchChromium, pattern, sha256, startServer } from '../support/index.mjs'
import { openPage, startSite } from './pages.mjs'

const LENGTH = 300_000
const SEGMENTS = 6

let server, site, browser, folder, urls, hashes
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swarmhub-segments-'))
  const contents = Array.from({ length: SEGMENTS }, (_, i) => pattern(LENGTH, i + 1))
  await Promise.all(contents.map((bytes, i) => writeFile(join(folder, `${i}.ts`), bytes)))
  ;[server, site, browser] = await Promise.all([startServer(), startSite({ '/segments/': folder }), launchChromium()])
  urls = contents.map((_, i) => `${site.url}segments/${i}.ts`)
  hashes = contents.map(sha256)
})
after(async () => {
  await browser?.close()
  await site?.close()
  await server?.stop()
  await rm(folder, { recursive: true, force: true })
})

async function viewer (t, httpErrorRetries) {
  const user = await openPage(t, browser, `${site.url}p2p-media-loader`)
  await user.call('open', { tracker: server.tracker, swarmId: 'a stream', urls, httpErrorRetries })
  return user
}

test('a viewer that uses only other viewers gets every segment', async t => {
  const first = await viewer(t, 3)
  for (const [i, url] of urls.entries()) assert.equal(await first.call('load', url), hashes[i])

  const second = await viewer(t, 0)
  for (const [i, url] of urls.entries()) assert.equal(await second.call('load', url), hashes[i])
  const { peers, sources } = await second.seen()
  assert.equal(peers.length, 1)
  assert.deepEqual(sources, Object.fromEntries(urls.map(url => [url, 'p2p'])))
  const { bytesReceived } = await dataChannelStats(second.page)
  assert.ok(bytesReceived >= LENGTH * SEGMENTS, `${bytesReceived} bytes over data channels`)
})
