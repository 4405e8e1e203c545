// Runs libtorrent (the library of qBittorrent and Deluge) as a separate process. LIBTORRENT_PYTHON names the Python
// with it; tests/run installs one under target/.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { eventually, root, within } from '../support/index.mjs'

const python = process.env.LIBTORRENT_PYTHON ?? join(root, 'target/test-python/bin/python')

/** Returns why libtorrent cannot be run here, or false. */
export function skipReason () {
  if (!existsSync(python)) return `no Python with libtorrent at ${python.replace(root, '')}`
  const { status, stdout, stderr } = spawnSync(python, ['-c', 'import libtorrent; print(libtorrent.version)'], { encoding: 'utf8' })
  if (status !== 0) return `libtorrent does not load: ${stderr.trim().split('\n').at(-1)}`
  const [major, minor] = stdout.split('.').map(Number)
  return major > 2 || (major === 2 && minor >= 1) ? false : `libtorrent ${stdout.trim()} has no WebTorrent; 2.1 has`
}

/** Starts a libtorrent process that ends with the test; `events` are its events so far. */
export async function startPeer (t, ...args) {
  const script = fileURLToPath(new URL('libtorrent_peer.py', import.meta.url))
  const child = spawn(python, [script, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = new Promise(resolve => child.once('close', resolve))
  const events = []
  createInterface({ input: child.stdout }).on('line', line => events.push(JSON.parse(line)))
  t.after(() => { child.kill('SIGKILL'); return exited })
  const peer = {
    events,
    waitFor: (ms, event) => eventually(ms, () => events.find(it => it.event === event), `"${event}" of libtorrent`),
    async end () {
      child.stdin.end()
      assert.equal(await within(20_000, exited, 'exit of libtorrent'), 0)
    }
  }
  return { ...peer, magnet: (await peer.waitFor(20_000, 'added')).magnet }
}
