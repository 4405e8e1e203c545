// libtorrent (qBittorrent's and Deluge's library) and a Chromium page share a file through the real binary.
// The Python with libtorrent is named by LIBTORRENT_PYTHON; tests/run installs one under target/.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { dataChannelStats, eventually, launchChromium, pattern, root, sha256, startServer, within } from '../support/index.mjs'
import { openPage, startSite } from './pages.mjs'

const LENGTH = 2 * 1024 * 1024
const EXPECTED = { length: LENGTH, sha256: sha256(pattern(LENGTH)) }
const TRANSFER_MS = 90_000

const python = process.env.LIBTORRENT_PYTHON ?? join(root, 'target/test-python/bin/python')

/** Why these tests can't run here, or false. */
function missing () {
  if (!existsSync(python)) return `no Python with libtorrent at ${python.replace(root, '')}`
  const { status, stdout, stderr } = spawnSync(python, ['-c', 'import libtorrent; print(libtorrent.version)'], { encoding: 'utf8' })
  if (status !== 0) return `libtorrent does not load: ${stderr.trim().split('\n').at(-1)}`
  const [major, minor] = stdout.split('.').map(Number)
  return major > 2 || (major === 2 && minor >= 1) ? false : `libtorrent ${stdout.trim()} has no WebTorrent; 2.1 has`
}

/** A libtorrent process; `events` is what it has said so far. */
async function startPeer (t, ...args) {
  const script = fileURLToPath(new URL('libtorrent_peer.py', import.meta.url))
  const child = spawn(python, [script, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = new Promise(resolve => child.once('close', resolve))
  const events = []
  createInterface({ input: child.stdout }).on('line', line => events.push(JSON.parse(line)))
  t.after(() => { child.kill('SIGKILL'); return exited })
  const peer = {
    events,
    has: (ms, event) => eventually(ms, () => events.find(it => it.event === event), `"${event}" of libtorrent`),
    async end () {
      child.stdin.end()
      assert.equal(await within(20_000, exited, 'exit of libtorrent'), 0)
    }
  }
  return { ...peer, magnet: (await peer.has(20_000, 'added')).magnet }
}

const skip = missing()

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
  await from.has(30_000, 'reply')
  const to = await openPage(t, browser, `${site.url}webtorrent`)
  assert.deepEqual(await to.call('download', { magnet: from.magnet }, TRANSFER_MS), EXPECTED)
  assert.deepEqual((await to.seen()).wires, ['webrtc'])
  const { bytesReceived } = await dataChannelStats(to.page)
  assert.ok(bytesReceived >= LENGTH, `${bytesReceived} bytes over data channels`)
  await from.end()
  assert.deepEqual(from.events.filter(it => it.event === 'trouble'), [])
})

test('libtorrent downloads what a page seeds', { skip }, async t => {
  const from = await openPage(t, browser, `${site.url}webtorrent`)
  const magnet = await from.call('seed', { length: LENGTH, name: 'from-page.bin', tracker: server.tracker })
  await eventually(30_000, async () => (await from.seen()).announces >= 2, 'two announces of the page')
  const to = await startPeer(t, 'download', magnet, folder)
  await to.has(TRANSFER_MS, 'finished')
  await to.end()
  const got = await readFile(join(folder, 'from-page.bin'))
  assert.deepEqual({ length: got.length, sha256: sha256(got) }, EXPECTED)
  assert.deepEqual(to.events.filter(it => it.event === 'trouble'), [])
})
