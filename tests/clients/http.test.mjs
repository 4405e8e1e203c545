// Non-browser clients on the HTTP tracker of the real binary: libtorrent and aria2 find each other only through it, and
// the reference client (npm bittorrent-tracker) parses its replies.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { eventually, pattern, randomId, sha256, startServer, within } from '../support/index.mjs'
import * as libtorrent from './libtorrent.mjs'
import { freePort } from './pebble.mjs'
import { Client, newClient } from './reference.mjs'

const LENGTH = 2 * 1024 * 1024
const EXPECTED = { length: LENGTH, sha256: sha256(pattern(LENGTH)) }
const TRANSFER_MS = 90_000
const STEP_MS = 20_000

const noLibtorrent = libtorrent.skipReason()
const noAria2 = spawnSync('aria2c', ['--version']).status === 0 ? false : 'aria2 is not installed'

let server, tracker, folder
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swarmhub-http-'))
  server = await startServer()
  tracker = new URL('/announce', server.page).href
})
after(async () => {
  await server?.stop()
  if (folder) await rm(folder, { recursive: true, force: true })
})

/** Creates a folder for one makeFolder of a transfer. */
async function makeFolder (name) {
  const path = join(folder, name)
  await mkdir(path)
  return path
}

/** Returns seeders, leechers and downloads of a swarm. */
async function scrape (magnet) {
  const [, hash] = /btih:([0-9a-f]{40})/i.exec(magnet)
  const escaped = hash.replaceAll(/../g, '%$&')
  const response = await fetch(new URL(`/scrape?info_hash=${escaped}`, server.page))
  const text = Buffer.from(await response.arrayBuffer()).toString('latin1')
  const [, seeders, downloads, leechers] = /d8:completei(\d+)e10:downloadedi(\d+)e10:incompletei(\d+)ee/.exec(text)
  return [seeders, leechers, downloads].map(Number)
}

/** Waits until a scrape returns these seeders and leechers; returns the downloads. */
async function waitForCounts (magnet, wanted) {
  let last
  const agree = async () => {
    last = await scrape(magnet)
    return last.slice(0, 2).join('/') === wanted
  }
  await eventually(STEP_MS, agree, `a swarm of ${wanted}`).catch(error => { throw new Error(`${error.message}, but ${last}`) })
  return last[2]
}

async function assertWhole (file) {
  const got = await readFile(file)
  assert.deepEqual({ length: got.length, sha256: sha256(got) }, EXPECTED)
}

/** Starts a libtorrent that seeds; others need only its torrent or magnet link. */
async function libtorrentSeeds (t, name) {
  const file = join(await makeFolder(`${name}-from`), `${name}.bin`)
  await writeFile(file, pattern(LENGTH))
  const peer = await libtorrent.startPeer(t, 'seed', file, tracker, 'tcp')
  await peer.waitFor(STEP_MS, 'reply')
  await waitForCounts(peer.magnet, '1/0')
  return { ...peer, file, torrent: `${file}.torrent` }
}

/** Starts an aria2 that ends with the test and finds peers only through the tracker. */
async function startAria2 (t, path, ...args) {
  const trackerOnly = ['dht', 'dht6', 'peer-exchange'].map(method => `--enable-${method}=false`)
  const child = spawn('aria2c', ['--no-conf', ...trackerOnly, '--bt-enable-lpd=false', '--disable-ipv6', '--show-console-readout=false',
    '--summary-interval=0', '--dir', path, `--listen-port=${await freePort()}`, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => { output += text })
  const exited = new Promise(resolve => child.once('close', resolve))
  t.after(() => { child.kill('SIGKILL'); return exited })
  return {
    output: () => output,
    ended: ms => within(ms, exited, 'end of aria2').catch(error => { throw new Error(`${error.message}\n${output}`) }),
    async stop () {
      child.kill('SIGINT')
      await this.ended(STEP_MS)
    }
  }
}

test('aria2 downloads what libtorrent seeds', { skip: noLibtorrent || noAria2 }, async t => {
  const from = await libtorrentSeeds(t, 'libtorrent-aria2')
  const path = await makeFolder('libtorrent-aria2-to')
  const to = await startAria2(t, path, '--seed-time=0', from.torrent)
  assert.equal(await to.ended(TRANSFER_MS), 0, to.output())
  await assertWhole(join(path, 'libtorrent-aria2.bin'))
  // aria2 sends "stopped" when it ends.
  await waitForCounts(from.magnet, '1/0')
  await from.end()
  assert.deepEqual(from.events.filter(it => it.event === 'error'), [])
})

test('libtorrent downloads what aria2 seeds', { skip: noLibtorrent || noAria2 }, async t => {
  const maker = await libtorrentSeeds(t, 'aria2-libtorrent')
  await maker.end()
  await waitForCounts(maker.magnet, '0/0')
  const from = await startAria2(t, join(folder, 'aria2-libtorrent-from'), '--check-integrity=true', '--seed-ratio=0', maker.torrent)
  await waitForCounts(maker.magnet, '1/0')
  const path = await makeFolder('aria2-libtorrent-to')
  const to = await libtorrent.startPeer(t, 'download', maker.magnet, path, 'tcp')
  await to.waitFor(TRANSFER_MS, 'finished')
  assert.equal(await waitForCounts(maker.magnet, '2/0'), 1, 'one client has announced "completed"')
  await to.end()
  await assertWhole(join(path, 'aria2-libtorrent.bin'))
  assert.deepEqual(to.events.filter(it => it.event === 'error'), [])
  await from.stop()
  await waitForCounts(maker.magnet, '0/0')
})

describe('the reference client over HTTP', () => {
  /** Creates a client on this port that ends with the test. */
  function client (t, options, at = tracker) {
    const it = newClient(at, { offers: 50, ...options })
    t.after(() => within(STEP_MS, it.destroy(), 'destroy'))
    return it
  }
  const counts = (it, wanted, what) => eventually(STEP_MS, () => it.counts() === wanted, `${what}: counts ${wanted}`)

  test('finds other peers, and its counts follow started, completed and stopped', async t => {
    const infoHash = randomId()
    const a = client(t, { infoHash, port: 7001 })
    const b = client(t, { infoHash, port: 7002 })
    a.client.start()
    await counts(a, '0/1', 'a starts')
    b.client.start()
    await counts(b, '0/2', 'b starts')
    assert.deepEqual(b.seen.peers, ['127.0.0.1:7001'])
    assert.deepEqual(a.seen.peers, [], 'not itself')
    b.state.left = 0
    b.client.complete()
    await counts(b, '1/1', 'b completes')
    a.client.stop()
    await counts(a, '1/0', 'a stops')
    assert.deepEqual([...a.seen.warnings, ...b.seen.warnings], [])
    assert.equal(a.seen.updates[0].interval, 600)
  })

  test('shares counts with WebSocket members but does not get them as peers', async t => {
    const infoHash = 'ff'.repeat(20)
    const web = client(t, { infoHash, offers: 0 }, server.tracker)
    const classic = client(t, { infoHash, port: 7003, left: 0 })
    web.client.start()
    await counts(web, '0/1', 'over a WebSocket')
    classic.client.start()
    await counts(classic, '1/1', 'over HTTP')
    web.client.update()
    await counts(web, '1/1', 'over a WebSocket again')
    assert.deepEqual([...web.seen.peers, ...classic.seen.peers], [])
    const result = await within(STEP_MS, new Promise((resolve, reject) => {
      Client.scrape({ infoHash, announce: tracker }, (error, result) => error ? reject(error) : resolve(result))
    }), 'scrape')
    assert.deepEqual([result.complete, result.incomplete], [1, 1])
  })

  test('gets the reason of a refusal', async t => {
    const strict = await startServer({ args: ['--limits-http-peers-max', '1'] })
    t.after(() => strict.stop())
    const at = new URL('/announce', strict.page).href
    const [a, b] = [client(t, { port: 7004 }, at), client(t, { port: 7005 }, at)]
    a.client.start()
    await counts(a, '0/1', 'a starts')
    b.client.start()
    await eventually(STEP_MS, () => /limits\.http_peers_max/.test(b.seen.warnings[0]), 'the reason')
  })
})
