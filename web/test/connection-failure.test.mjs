import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failedConnectionNotice, failureCause } from '../share/lib/connection-failure.js'
import { networkFacts } from '../share/lib/ice-candidates.js'

let port = 40_000
const line = (type, address, { transport = 'udp', to = ++port } = {}) =>
  `a=candidate:1 1 ${transport} 2113937151 ${address} ${to} typ ${type}${type === 'host' ? '' : ' raddr 0.0.0.0 rport 0'} generation 0\r\n`
const sdp = (...lines) => `v=0\r\na=ice-ufrag:abcd\r\n${lines.join('')}a=end-of-candidates\r\n`

const host = line('host', '8d6b5b9f-6a4e-4f0e-a0fc-5b1d5a7f1f10.local')
const srflx = line('srflx', '198.51.100.7')
const otherSrflx = line('srflx', '198.51.100.7')
const relay = line('relay', '192.0.2.1')
const hidden = sdp(host)
const home = sdp(host, srflx)
const symmetric = sdp(host, srflx, otherSrflx)
const relayed = sdp(host, srflx, relay)

const stun = [{ urls: 'stun:203.0.113.1:443' }]
const turn = [{ urls: ['turn:203.0.113.1:443?transport=udp'], username: 'u', credential: 'c' }]

const CASES = [
  ['no server is configured', [], hidden, hidden, 'no-servers'],
  ['this page got none, the other one has a public address', [], hidden, home, 'no-servers'],
  ['this network lets no UDP out', stun, hidden, home, 'own-blocked'],
  ['this network lets no UDP out, and the other browser has the relay', turn, hidden, relayed, 'own-blocked'],
  ['the other network lets no UDP out', stun, home, hidden, 'other-blocked'],
  ['the other network lets no UDP out, and this browser has the relay', turn, relayed, hidden, 'other-blocked'],
  ['nobody reaches the server', stun, hidden, hidden, 'both-blocked'],
  ['both have public addresses', stun, home, home, 'no-relay'],
  ['this NAT changes ports', stun, symmetric, home, 'no-relay-own'],
  ['the other NAT changes ports', stun, home, symmetric, 'no-relay-other'],
  ['both NATs change ports', stun, symmetric, symmetric, 'no-relay-both'],
  ['a public machine without servers', [], sdp(line('host', '203.0.113.9')), home, 'no-relay'],
  ['the relay refused this browser', turn, home, relayed, 'own-without-relay'],
  ['the relay refused both browsers', turn, home, home, 'own-without-relay'],
  ['only the other browser has servers with a relay', stun, home, relayed, 'own-without-relay'],
  ['the relay refused the other browser', turn, relayed, home, 'other-without-relay'],
  ['both have the relay', turn, relayed, relayed, 'relay-failed']
]

for (const [what, servers, own, other, cause] of CASES) {
  test(`the cause of a failed connection: ${what}`, () => {
    assert.equal(failureCause(servers, networkFacts(own), networkFacts(other)), cause)
  })
}

test('every cause has a notice of its own, with help for the operator', () => {
  const causes = [...new Set(CASES.map(([, , , , cause]) => cause))]
  const notices = causes.map(failedConnectionNotice)
  assert.equal(new Set(notices.map(({ title }) => title)).size, 11)
  for (const { text, more } of notices) {
    assert.match(text, /[a-z]\. The page tries again automatically\.$/)
    assert.match(more, /^For the operator of the tracker: .+\.$/)
  }
  assert.match(failedConnectionNotice('no-relay').more, /--ice-turn/)
  assert.match(failedConnectionNotice('own-blocked').text, /^Your network lets no UDP out/)
})

test('addresses of local networks are not public', () => {
  const isPublic = address => networkFacts(sdp(line('host', address))).isPublic
  for (const address of ['10.1.2.3', '127.0.0.1', '169.254.3.4', '172.20.0.1', '192.168.1.5', '100.64.0.1', '0.0.0.0'])
    assert.ok(!isPublic(address), address)
  for (const address of ['fe80::1', 'fd00::1', '::1', 'a1b2.local']) assert.ok(!isPublic(address), address)
  for (const address of ['172.32.0.1', '100.128.0.1', '192.169.1.1', '8.8.8.8', '2001:db8::1', '3fff::1'])
    assert.ok(isPublic(address), address)
})

test('a NAT changes ports only if there are more of them than sockets', () => {
  const changes = (...lines) => networkFacts(sdp(...lines)).changesPorts
  assert.ok(!changes(host, srflx))
  assert.ok(changes(host, srflx, otherSrflx))
  // Two interfaces, one port each.
  assert.ok(!changes(host, line('host', 'b.local'), srflx, otherSrflx))
  // One address of each family, and the address within a VPN.
  assert.ok(!changes(host, srflx, line('srflx', '2001:db8::7'), line('srflx', '10.8.0.2')))
  // A browser that hides its sockets, and candidates over TCP.
  assert.ok(!changes(srflx, otherSrflx))
  assert.ok(changes(host, line('host', 'a.local', { transport: 'tcp' }), srflx, otherSrflx))
  // The same candidate twice.
  assert.ok(!changes(host, srflx, srflx))
})

test('descriptions without candidates and other text are no error', () => {
  for (const text of ['', 'x', 'a=candidate:', sdp()]) {
    assert.deepEqual(networkFacts(text), { isPublic: false, hasRelay: false, changesPorts: false })
  }
})
