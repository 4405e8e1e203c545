// coturn with deploy/coturn.conf: it accepts the credentials that `/ice` returns and no others, and reaches no private
// network. Runs inside `isolated`.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { HELPER, TRACKER, createInternet, enterHome } from './network.mjs'
import { SHARED_SECRET, coturnPath, createCertificates, startHelpers, startSwarmhub } from './servers.mjs'

const TURN_REQUESTS = fileURLToPath(new URL('turn-requests.mjs', import.meta.url))
/**
 * Addresses of each line of deploy/coturn.conf, and of each network that a line for a larger one covers. The lab itself uses
 * the lower half of 203.0.113.0/24, and 2001:db8::/64.
 */
const DENIED = [
  '0.0.0.0', '0.1.2.3', '10.0.0.1', '10.255.255.255', '100.64.0.1', '100.127.255.255', '127.0.0.1', '127.1.2.3', '169.254.169.254', '172.16.0.1', '172.31.255.255',
  '192.0.0.192', '192.0.2.1', '192.88.99.1', '192.168.1.1', '198.18.0.1', '198.19.255.255', '198.51.100.1', '203.0.113.200', '224.0.0.1', '239.255.255.255',
  '240.0.0.1', '255.255.255.255', '168.63.129.16',
  '::', '::1', '::7f00:1', '::ffff:7f00:1', '::ffff:a00:1', '::ffff:a9fe:a9fe', '::ffff:808:808', '64:ff9b::a9fe:a9fe', '64:ff9b:1::1', '100::1', '1fff::1',
  '4000::1', 'fc00::1', 'fd00:ec2::254', 'fe80::1', 'fec0::1', 'ff02::1', '2001::1', '2001:10::1', '2001:db8:ffff::1', '2002:a00:1::1', '3fff::1'
]
/** Neighbours of denied networks, and addresses of name servers. */
const ADMITTED = [
  '1.0.0.0', '8.8.8.8', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255', '169.253.255.255', '172.32.0.0', '192.167.255.255',
  '198.20.0.0', '223.255.255.255', '2000::1', '2001:200::1', '2001:db7::1', '2001:db9::1', '2001:4860:4860::8888', '2606:4700:4700::1111', '3fff:1000::1'
]

const isMissing = !coturnPath() && 'coturn is missing'
const folder = mkdtempSync(join(tmpdir(), 'coturn-'))
let certificates, helpers, home, server

before(async () => {
  if (isMissing) return
  certificates = createCertificates(folder)
  createInternet(folder)
  home = enterHome('client', 'open')
  helpers = await startHelpers('rest', folder, certificates)
  server = await startSwarmhub({ mode: 'rest' }, certificates)
})
after(async () => {
  await helpers?.stop()
  await server?.kill()
})

/** Runs Node in the home and returns its output as JSON. */
async function inHome (...args) {
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: certificates.authority }
  const { stdout } = await promisify(execFile)('nsenter', [`--net=/run/netns/${home}`, process.execPath, ...args], { env })
  return JSON.parse(stdout)
}

const ice = () => inHome('-e', `fetch('https://${TRACKER.name}/ice').then(response => response.text()).then(console.log)`)
const turnRequests = (user, peers = []) => inHome(TURN_REQUESTS, JSON.stringify({ server: HELPER.v4, port: 3478, ...user, peers }))

/** Returns the credentials of a page. */
async function credentials () {
  const { iceServers } = await ice()
  const { username, credential } = iceServers.find(({ urls }) => urls === `turn:${HELPER.v4}:3478?transport=udp`)
  return { username, password: credential }
}

test('coturn accepts the credentials of a page', { skip: isMissing }, async () => {
  const { allocate } = await turnRequests(await credentials())
  assert.deepEqual(allocate, [0, 0])
})

test('coturn refuses expired and forged credentials', { skip: isMissing }, async () => {
  const { username, password } = await credentials()
  const sign = (name, secret) => createHmac('sha1', secret).update(name).digest('base64')
  assert.equal(sign(username, SHARED_SECRET), password)
  const expired = `${Math.floor(Date.now() / 1_000) - 60}:abcdefghij`
  const later = username.replace(/\d+/, number => Number(number) + 3_600)
  for (const [what, user] of Object.entries({
    expired: { username: expired, password: sign(expired, SHARED_SECRET) },
    'of another secret': { username, password: sign(username, 'another-secret-of-some-length') },
    'with a later expiry': { username: later, password }
  })) {
    const { allocate } = await turnRequests(user)
    assert.deepEqual(allocate, [401, 401], what)
  }
})

test('coturn reaches public addresses only', { skip: isMissing }, async () => {
  const { peers } = await turnRequests(await credentials(), [...DENIED, ...ADMITTED])
  for (const [peer, codes] of Object.entries(peers)) {
    const expected = DENIED.includes(peer) ? 403 : 0
    assert.deepEqual(codes, [expected, expected], peer)
  }
  assert.equal(Object.keys(peers).length, DENIED.length + ADMITTED.length)
})
