// The counter of viewers in docs/protocol.md, as it stands there.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import WebSocket from 'ws'
import { eventually, root, startServer } from '../support/index.mjs'

const WAIT_MS = 60_000
const INFO_HASH = '00ff'.repeat(10)

let server
before(async () => { server = await startServer() })
after(() => server?.stop())

/** Returns the exports of the snippet. */
async function snippet () {
  const page = await readFile(join(root, 'docs', 'protocol.md'), 'utf8')
  const code = page.split(/^```(?:js)?\n/m).find(part => part.includes('export function countMembers'))
  globalThis.WebSocket ??= WebSocket
  return import(`data:text/javascript,${encodeURIComponent(code)}`)
}

/** Joins the swarm on a connection of its own. */
function joinSwarm (url) {
  const id = Buffer.from(INFO_HASH, 'hex').toString('latin1')
  const socket = new WebSocket(url)
  socket.on('open', () => socket.send(JSON.stringify({ action: 'announce', info_hash: id, peer_id: 'p'.repeat(20), numwant: 0 })))
  return socket
}

test('the counter of viewers shows members that come and go', async () => {
  const { countMembers } = await snippet()
  const seen = []
  const end = countMembers(server.tracker, INFO_HASH, count => seen.push(count))
  await eventually(WAIT_MS, () => seen.at(-1) === 0, 'the first count')
  const member = joinSwarm(server.tracker)
  await eventually(WAIT_MS, () => seen.at(-1) === 1, 'the member')
  member.close()
  await eventually(WAIT_MS, () => seen.at(-1) === 0, 'the end of the member')
  end()
  assert.deepEqual(seen, [0, 1, 0])
})
