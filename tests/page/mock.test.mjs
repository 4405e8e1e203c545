// Compares the mock of the tracker's API with a real server: responses to the same requests must have the same status,
// keys and types of values. No browser.

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { WebSocket } from 'ws'
import { PLANS } from '../../web/dashboard/lib/charts.js'
import { eventually, nextEvent, startServer } from '../support/index.mjs'
import { SERIES, SETTINGS } from './mock-numbers.mjs'
import { TOKEN, startMock } from './mock-tracker.mjs'

const STEP_MS = 15_000
const HASH = '61'.repeat(20)
/** Objects whose keys are names; the server may have more of them. */
const BY_NAME = new Set(['stats.series', 'history.series'])

let server, mock, folder
const clients = []
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swarmhub-mock-'))
  const groups = join(folder, 'groups.csv')
  await writeFile(groups, '127.0.0.0/30,Berlin\n')
  // No client is exempt, so that addresses can be banned.
  const args = ['--tracker-groups', groups, '--history', 'memory', '--limits-exempt', '192.0.2.0/24', '--alerts-webhook', 'http://127.0.0.1:9/', '--alerts-private-addresses']
  server = await startServer({ args, env: { SWARMHUB_ADMIN_TOKEN: TOKEN } })
  mock = await startMock({ swarms: 50 })
  await populate()
})
after(async () => {
  for (const client of clients) client.terminate()
  await mock?.stop()
  await server?.stop()
  if (folder) await rm(folder, { recursive: true, force: true })
})

async function connect (localAddress) {
  const client = new WebSocket(server.tracker, { localAddress, origin: 'https://video.example' })
  clients.push(client)
  await nextEvent(STEP_MS, client, 'open', 'a WebSocket')
  return { socket: client, sendMessage: message => client.send(typeof message === 'string' ? message : JSON.stringify(message)) }
}

/** Connects two peers that are introduced, an HTTP peer, and one that sends malformed messages. */
async function populate () {
  const swarm = 'a'.repeat(20)
  const id = name => name.padEnd(20, '-')
  const join = (name, more = {}) => ({ action: 'announce', info_hash: swarm, peer_id: id(name), uploaded: 0, downloaded: 0, left: 1, event: 'started', numwant: 0, ...more })
  const [one, other, noisy] = [await connect('127.0.0.2'), await connect('127.0.0.2'), await connect('127.0.0.3')]
  other.sendMessage(join('other'))
  noisy.sendMessage(join('noisy'))
  one.sendMessage(join('one'))
  await fetch(`${server.page}announce?info_hash=${swarm}&peer_id=${id('http')}&port=6881&left=0`)
  await eventually(STEP_MS, async () => (await ask(server, 'GET', `swarms/${HASH}`)).body.peers_total === 4, 'the swarm')
  // The server records introductions of a swarm from its first request on.
  other.socket.on('message', data => {
    const { offer, offer_id: offerId, peer_id: to } = JSON.parse(data)
    if (offer) other.sendMessage({ action: 'announce', info_hash: swarm, peer_id: id('other'), to_peer_id: to, offer_id: offerId, answer: { type: 'answer', sdp: 'x' } })
  })
  one.sendMessage(join('one', { event: undefined, numwant: 3, offers: [1, 2, 3].map(number => ({ offer_id: id(`offer${number}`), offer: { type: 'offer', sdp: 'x' } })) }))
  noisy.sendMessage('nonsense')
  await eventually(STEP_MS, async () => (await ask(server, 'GET', `swarms/${HASH}`)).body.introductions.some(({ answered }) => answered), 'an answer')
}

async function ask (at, method, path, body) {
  const response = await fetch(`${at.page.replace(/dashboard$/, '')}api/v1/${path}`, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: body && JSON.stringify(body)
  })
  return { status: response.status, body: await response.json() }
}

const kindOf = value => value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
const keysOf = values => new Set(values.flatMap(Object.keys))

/** Returns the differences between mock and server. @param {string} path @param {unknown[]} real @param {unknown[]} mocked values at the same path */
function differences (path, real, mocked) {
  const [kinds, mockedKinds] = [real, mocked].map(values => [...new Set(values.map(kindOf))].filter(kind => kind !== 'null').sort())
  if (kinds.length === 0 || mockedKinds.length === 0) return []
  if (kinds.join() !== mockedKinds.join()) return [`${path}: the server has ${kinds}, the mock ${mockedKinds}`]
  if (kinds[0] === 'array') {
    const [all, allMocked] = [real, mocked].map(values => values.flat(1))
    if (all.length === 0 && allMocked.length > 0) return [`${path}: the server has no value to compare`]
    return differences(`${path}[]`, all, allMocked)
  }
  if (kinds[0] !== 'object') return []
  const [objects, objectsMocked] = [real, mocked].map(values => values.filter(value => kindOf(value) === 'object'))
  const [keys, keysMocked] = [keysOf(objects), keysOf(objectsMocked)]
  const invented = [...keysMocked].filter(key => !keys.has(key)).map(key => `${path}.${key}: only the mock has it`)
  const missing = BY_NAME.has(path) ? [] : [...keys].filter(key => !keysMocked.has(key)).map(key => `${path}.${key}: the mock lacks it`)
  const below = [...keys].filter(key => keysMocked.has(key)).flatMap(key => {
    const [at, atMocked] = [objects, objectsMocked].map(values => values.flatMap(value => key in value ? [value[key]] : []))
    return differences(`${path}.${key}`, at, atMocked)
  })
  return [...invented, ...missing, ...below]
}

/** Sends a request to both and compares. The path may differ. */
async function compare (method, path, body, { name = path, mockedPath = path } = {}) {
  const [real, mocked] = await Promise.all([ask(server, method, path, body), ask(mock, method, mockedPath, body)])
  assert.equal(mocked.status, real.status, `${method} ${name}: ${JSON.stringify(real.body).slice(0, 300)}`)
  assert.deepEqual(differences(name.split('?')[0], [real.body], [mocked.body]), [], `${method} ${name}`)
  return [real.body, mocked.body]
}

test('responses to reads have the same structure', async () => {
  await eventually(STEP_MS, async () => (await ask(server, 'GET', 'history?series=connections&from=-60')).body.at?.length > 0, 'a history')
  await eventually(STEP_MS, async () => (await ask(server, 'GET', 'alerts')).body.sinks.length > 0, 'a receiver of alerts')
  for (const path of ['stats', 'history?series=connections,cpu_cores&from=-60', 'clients', 'session', 'origins', 'sites', 'hostile', 'settings', 'series']) await compare('GET', path)
  await compare('GET', 'swarms?sort=members&order=desc&filter=&offset=0&limit=50')
  await compare('GET', `swarms/${HASH}`, undefined, { name: 'swarms/*', mockedPath: `swarms/${mock.state.swarms[3].info_hash}` })
  await compare('GET', `swarms/${'0'.repeat(40)}`)
})

test('the record of refusals has the same structure', async () => {
  // As behind a proxy that removes the Upgrade header.
  const { status } = await new Promise((resolve, reject) => {
    const headers = { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version': '13' }
    get(server.page, { headers }, response => { response.resume(); resolve({ status: response.statusCode }) }).on('error', reject)
  })
  if ((await ask(server, 'GET', 'refusals')).status === 404) return
  assert.equal(status, 426)
  await eventually(STEP_MS, async () => (await ask(server, 'GET', 'refusals')).body.refusals.some(({ kind }) => kind === 'upgrade_missing'), 'the refused upgrade')
  await compare('GET', 'refusals')
})

test('responses to changes have the same structure', async () => {
  await compare('PATCH', 'settings', { 'limits.messages_burst': '700' })
  await compare('PATCH', 'settings', { 'limits.messages_burst': 'many' })
  await compare('POST', 'settings/undo')
  await compare('PUT', 'alerts/rules/somebody', { series: 'connections', comparison: '>', threshold: 0, clear: 0, for: 0 })
  const [silence, mockedSilence] = await compare('POST', 'alerts/silences', { rule: 'somebody', seconds: 60, comment: 'why' })
  await eventually(STEP_MS, async () => (await ask(server, 'GET', 'alerts')).body.history.length > 0, 'an alert in the history')
  await compare('GET', 'alerts')
  await compare('GET', 'alerts/summary')
  await compare('POST', 'alerts/test')
  await compare('DELETE', `alerts/silences/${silence.id}`, undefined, { name: 'alerts/silences/*', mockedPath: `alerts/silences/${mockedSilence.id}` })
  await compare('DELETE', 'alerts/rules/somebody')
  const { connections } = (await ask(server, 'GET', 'hostile')).body
  const { peers } = (await ask(server, 'GET', `swarms/${HASH}`)).body
  const [noisy, peer] = [connections[0].connection, peers.find(({ connection }) => connection && connection !== connections[0].connection).connection]
  const mockedPath = `connections/${mock.state.hostile[0].connection}`
  await compare('POST', `connections/${peer}/kick`, undefined, { name: 'kick', mockedPath: `${mockedPath}/kick` })
  await compare('POST', `connections/${noisy}/ban`, { seconds: 3600 }, { name: 'ban', mockedPath: `${mockedPath}/ban` })
  const [{ bans }, { bans: mocked }] = await compare('GET', 'bans')
  assert.ok(bans[0].left > 3500, JSON.stringify(bans))
  await compare('DELETE', `bans/${bans[0].key}`, undefined, { name: 'bans/*', mockedPath: `bans/${mocked[0].key}` })
  await compare('GET', 'audit?limit=100')
})

test('series, settings and phases of the mock exist, and so do series of charts', async () => {
  const known = new Map((await ask(server, 'GET', 'series')).body.map(one => [one.name, one]))
  const wrong = SERIES.filter(({ name, kind, unit, kept }) => {
    const real = known.get(name)
    return !real || real.kind !== kind || real.unit !== unit || real.kept !== kept
  })
  assert.deepEqual(wrong.map(one => ({ mock: one, server: known.get(one.name) ?? null })), [])
  const drawn = PLANS.flatMap(({ lines }) => lines.map(({ series }) => series))
  assert.deepEqual(drawn.filter(name => !known.has(name)), [])
  const { settings } = (await ask(server, 'GET', 'settings')).body
  const liveByKey = new Map(settings.map(({ key, live }) => [key, live]))
  assert.deepEqual(SETTINGS.filter(({ key, live }) => liveByKey.get(key) !== live).map(({ key }) => key), [])
  // The last request: it starts draining.
  await compare('POST', 'drain')
  const phase = async at => (await ask(at, 'GET', 'stats')).body.phase
  const mocked = await phase(mock)
  assert.equal(mocked, 'draining')
  await eventually(STEP_MS, async () => await phase(server) === mocked, 'the same phase')
})
