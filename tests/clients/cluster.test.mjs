// Several nodes, joined by a real NATS server, are one tracker: with the files of deploy/cluster, and while node or engine dies.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import WebSocket from 'ws'
import { binary, eventually, nextEvent, randomId, root } from '../support/index.mjs'
import { createKey, natsServer, skipReason, startNats, startNode } from './nats.mjs'

const skip = skipReason()
const STEP_MS = 60_000
/** A node is forgotten after so long a silence. */
const SILENCE_MS = 3_000
const latin1 = hex => Buffer.from(hex, 'hex').toString('latin1')

/** Joins a swarm on a connection of its own. It answers every offer, and stores what it gets. */
async function joinSwarm (t, url, infoHash) {
  const socket = new WebSocket(url)
  t.after(() => socket.terminate())
  await nextEvent(STEP_MS, socket, 'open')
  const [hash, peerId] = [latin1(infoHash), latin1(randomId())]
  const member = { offers: [], answers: [], counts: undefined }
  const send = message => socket.send(JSON.stringify({ action: 'announce', info_hash: hash, peer_id: peerId, ...message }))
  socket.on('message', data => {
    const message = JSON.parse(data)
    if (message.offer) {
      member.offers.push(message.peer_id)
      send({ to_peer_id: message.peer_id, offer_id: message.offer_id, answer: { type: 'answer', sdp: `to ${message.offer.sdp}` } })
    } else if (message.answer) {
      member.answers.push({ from: message.peer_id, sdp: message.answer.sdp })
    } else if (message.complete !== undefined) {
      member.counts = message.complete + message.incomplete
    }
  })
  member.announce = (sdp = 'v=0') => {
    send({ left: 1, numwant: 2, offers: [1, 2].map(number => ({ offer_id: latin1(randomId()), offer: { type: 'offer', sdp: `${sdp} ${number}` } })) })
  }
  member.peerId = peerId
  member.announce()
  return member
}

/** Returns how many members a node counts in a swarm of the whole cluster. */
async function count (node, infoHash) {
  const reply = await fetch(new URL(`/api/v1/swarms?info_hash=${infoHash}`, node.page.replace(/^ws/, 'http')))
  const [swarm] = (await reply.json()).swarms
  return swarm.seeders + swarm.leechers
}

/** Waits until two members of different nodes meet in a new swarm. Returns the milliseconds. */
async function meet (t, one, other) {
  const started = performance.now()
  await eventually(STEP_MS, async () => {
    const infoHash = randomId()
    const first = await joinSwarm(t, one.tracker, infoHash)
    await new Promise(resolve => setTimeout(resolve, 100))
    const second = await joinSwarm(t, other.tracker, infoHash)
    return eventually(1_000, () => second.answers.some(({ from }) => from === first.peerId), 'an answer')
  }, 'members of two nodes that meet')
  return Math.round(performance.now() - started)
}

test('one command starts a cluster, and two browsers on two of its nodes meet at once', { skip }, async t => {
  const child = spawn(join(root, 'deploy/cluster/start'), { env: { ...process.env, SWARMHUB_BIN: binary, NATS_SERVER: natsServer }, stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, log] = ['', '']
  child.stdout.setEncoding('utf8').on('data', text => { out += text })
  child.stderr.setEncoding('utf8').on('data', text => { log += text })
  const ended = new Promise(resolve => child.once('close', resolve))
  t.after(async () => { child.kill('SIGTERM'); await ended })
  await eventually(STEP_MS, () => /^ready/m.test(out), () => `${out}\n${log}`)
  const nodes = [...out.matchAll(/^node \d: (\S+)/mg)].map(([, tracker]) => ({ tracker, page: tracker.replace(/^ws/, 'http') }))
  assert.equal(nodes.length, 3, out)
  await eventually(STEP_MS, () => log.match(/is_linked=true/g)?.length === 6, () => log)

  const infoHash = randomId()
  const first = await joinSwarm(t, nodes[0].tracker, infoHash)
  await new Promise(resolve => setTimeout(resolve, 100))
  const second = await joinSwarm(t, nodes[1].tracker, infoHash)
  await eventually(STEP_MS, () => second.answers.length > 0, 'the answer')
  assert.deepEqual(first.offers, [second.peerId])
  assert.equal(second.answers[0].from, first.peerId)
  assert.match(second.answers[0].sdp, /^to v=0 [12]$/)
  await eventually(STEP_MS, async () => await count(nodes[2], infoHash) === 2, 'both at the third node')

  child.kill('SIGINT')
  await ended
  for (const { page } of nodes) await assert.rejects(fetch(page))
})

test('the death of a node costs only its own members', { skip }, async t => {
  const nats = await startNats(t)
  const [one, other, dying] = [await startNode(t, nats), await startNode(t, nats), await startNode(t, nats)]
  await meet(t, one, dying)
  const infoHash = randomId()
  for (const node of [one, other, dying]) await joinSwarm(t, node.tracker, infoHash)
  await eventually(STEP_MS, async () => await count(one, infoHash) === 3 && await count(other, infoHash) === 3, 'three members')
  await dying.kill()
  const started = performance.now()
  await eventually(STEP_MS, async () => await count(one, infoHash) === 2 && await count(other, infoHash) === 2, 'two members')
  t.diagnostic(`counts were right ${Math.round(performance.now() - started)} ms after kill -9 of a node`)
  await meet(t, one, other)

  // One that stops says goodbye: nobody waits until it has been silent for long.
  const leaving = await startNode(t, nats)
  await meet(t, one, leaving)
  await joinSwarm(t, leaving.tracker, infoHash)
  await eventually(STEP_MS, async () => await count(one, infoHash) === 3, 'three members again')
  await leaving.stop()
  const stopped = performance.now()
  await eventually(STEP_MS, async () => await count(one, infoHash) === 2, 'two members again')
  const milliseconds = Math.round(performance.now() - stopped)
  t.diagnostic(`counts were right ${milliseconds} ms after the stop of a node`)
  assert.ok(milliseconds < SILENCE_MS, `${milliseconds} ms`)
})

test('without NATS each node goes on alone, and they join again when it is back', { skip }, async t => {
  const nats = await startNats(t)
  const one = await startNode(t, nats)
  const other = await startNode(t, nats, ['--cluster-ready-when-alone=false'])
  await meet(t, one, other)
  const ready = async node => {
    const reply = await fetch(new URL('readyz', node.page))
    return `${reply.status} ${(await reply.text()).trim()}`
  }
  assert.equal(await ready(other), '200 ready')

  await nats.kill()
  await eventually(STEP_MS, async () => await ready(one) === '200 ready, without NATS', 'one says that it is alone')
  await eventually(STEP_MS, async () => await ready(other) === '503 no NATS server is reachable', 'the other is not ready')
  t.diagnostic(`two members of one node met within ${await meet(t, one, one)} ms without NATS`)
  await nats.restart()
  t.diagnostic(`members of two nodes met within ${await meet(t, one, other)} ms of the restart of NATS`)
  assert.equal(await ready(other), '200 ready')

  // It stops without a reset, so that only its silence tells.
  nats.signal('SIGSTOP')
  await eventually(STEP_MS, async () => await ready(one) !== '200 ready', 'one notices the silence')
  nats.signal('SIGCONT')
  t.diagnostic(`members of two nodes met within ${await meet(t, one, other)} ms of SIGCONT`)
})

test('a node that may not log in says so, and serves its own members', { skip }, async t => {
  const nats = await startNats(t)
  const seed = join(nats.folder, 'other.seed')
  createKey(seed)
  assert.equal((await stat(seed)).mode & 0o777, 0o600)
  const node = await startNode(t, { ...nats, seed })
  await eventually(STEP_MS, () => /NATS.*authorization violation/i.test(node.stderr()), node.stderr)
  await meet(t, node, node)
})
