// Certificates from an ACME directory, for domains and addresses: ordered at the first start, stored for the next,
// renewed in time, and the errors if the directory cannot validate a name or lacks a profile.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { get } from 'node:https'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { eventually, startServer, within } from '../support/index.mjs'
import { freePort, startPebble, skipReason } from './pebble.mjs'

const STEP_MS = 60_000
const NAMES = ['tracker.example.net', 'www.tracker.example.net']
const skip = skipReason()

/** Returns the certificate that a client gets which trusts only `ca`. Without a name it connects to the address. */
const fetchCertificate = (port, servername, ca, host = '127.0.0.1') => within(5_000, new Promise((resolve, reject) => {
  const socket = connect({ host, port, servername, ca }, () => {
    resolve(socket.getPeerCertificate())
    socket.destroy()
  }).on('error', reject)
}), `TLS with ${servername ?? host}`)

/** Returns the status of a page for a client that trusts only `ca`. */
const fetchPage = (url, ca) => new Promise((resolve, reject) => {
  get(url, { ca, agent: false }, response => resolve(response.resume().statusCode)).on('error', reject)
})

/** Creates a cache folder and an ACME directory; returns them with the flags of the server. */
async function setUp (t, tlsPort, { port = tlsPort, names = NAMES, addresses = [], seconds } = {}) {
  const cache = await mkdtemp(join(tmpdir(), 'acme-'))
  t.after(() => rm(cache, { recursive: true }))
  const pebble = await startPebble({ tlsPort, seconds })
  t.after(() => pebble.stop())
  const args = ['--listen', `tls+127.0.0.1:${port}`, ...names.flatMap(name => ['--tls-acme-domain', name]),
    ...addresses.flatMap(address => ['--tls-acme-address', address]),
    '--tls-acme-contact', 'admin@example.net', '--tls-acme-directory', pebble.directory,
    '--tls-acme-authority', pebble.authority, '--tls-acme-cache', join(cache, 'stored')]
  return { cache: join(cache, 'stored'), folder: cache, pebble, args }
}

test('a certificate for all domains is ordered, served and stored for the next start', { skip }, async t => {
  const port = await freePort()
  const { cache, pebble, args } = await setUp(t, port)
  const first = await startServer({ args })
  t.after(() => first.stop())
  const root = await pebble.root()
  const issued = await eventually(STEP_MS, () => fetchCertificate(port, NAMES[0], root), () => `a certificate\n${first.stderr()}\n${pebble.log()}`)
  assert.deepEqual(issued.subjectaltname.split(', ').sort(), NAMES.map(name => `DNS:${name}`))
  assert.equal((await fetchCertificate(port, NAMES[1], root)).serialNumber, issued.serialNumber)
  await first.stop()
  const [folder] = await readdir(cache)
  assert.deepEqual((await readdir(join(cache, folder))).sort(), ['account.json', 'certificate.pem'])

  const second = await startServer({ args })
  t.after(() => second.stop())
  assert.equal((await fetchCertificate(port, NAMES[0], root)).serialNumber, issued.serialNumber)
  assert.doesNotMatch(second.stderr(), /ordering a certificate/)
})

test('the error of a failed validation is logged with its reason', { skip }, async t => {
  // The directory validates at a closed port.
  const { args } = await setUp(t, await freePort(), { port: 0 })
  const server = await startServer({ args })
  t.after(() => server.stop())
  const line = await eventually(STEP_MS, () => /^.*no certificate from the ACME directory.*$/m.exec(server.stderr())?.[0], 'the reason')
  assert.match(line, /tracker\.example\.net/)
  assert.match(line, /[Ff]ailed to connect/)
  assert.match(line, /port 443/)
})

const hasIpv6 = Object.values(networkInterfaces()).flat().some(own => own?.address === '::1')
const validityDays = certificate => (Date.parse(certificate.valid_to) - Date.parse(certificate.valid_from)) / 86_400_000

test('a machine without a domain gets a certificate for its addresses', { skip }, async t => {
  const port = await freePort()
  const addresses = ['127.0.0.1', ...hasIpv6 ? ['::1'] : []]
  const { folder, pebble, args } = await setUp(t, port, { names: [], addresses })
  if (hasIpv6) args.push('--listen', `tls+[::1]:${port}`)
  // A certificate for names has the first slot, but clients that connect to an address must not get it.
  const [certificate, key] = [join(folder, 'named.crt'), join(folder, 'named.key')]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', '/CN=named.example', '-addext', 'subjectAltName=DNS:named.example', '-keyout', key, '-out', certificate], { stdio: 'ignore' })
  args.push('--tls-certificate', certificate, '--tls-key', key)
  const first = await startServer({ args })
  t.after(() => first.stop())
  const root = await pebble.root()
  const issued = await eventually(STEP_MS, () => fetchCertificate(port, undefined, root), () => `a certificate\n${first.stderr()}\n${pebble.log()}`)
  const inCertificate = { '127.0.0.1': 'IP Address:127.0.0.1', '::1': 'IP Address:0:0:0:0:0:0:0:1' }
  assert.deepEqual(issued.subjectaltname.split(', ').sort(), addresses.map(address => inCertificate[address]).sort())
  for (const host of addresses) {
    assert.equal((await fetchCertificate(port, undefined, root, host)).serialNumber, issued.serialNumber)
  }
  const response = await within(STEP_MS, fetchPage(`https://127.0.0.1:${port}/healthz`, root), 'a page')
  assert.equal(response, 200)
  assert.match(first.stderr(), pebble.profiles ? /order accepted.*shortlived/ : /order accepted/)
  assert.ok(Math.abs(validityDays(issued) - 6) < 0.1, `${validityDays(issued)} days`)
  await first.stop()

  const second = await startServer({ args })
  t.after(() => second.stop())
  assert.equal((await fetchCertificate(port, undefined, root)).serialNumber, issued.serialNumber)
  assert.doesNotMatch(second.stderr(), /ordering a certificate/)
})

test('domain and address are in one certificate, which is renewed at half of its validity', { skip }, async t => {
  const port = await freePort()
  const { pebble, args } = await setUp(t, port, { names: NAMES.slice(0, 1), addresses: ['127.0.0.1'], seconds: 20 })
  const server = await startServer({ args })
  t.after(() => server.stop())
  const root = await pebble.root()
  const issued = await eventually(STEP_MS, () => fetchCertificate(port, undefined, root), () => `a certificate\n${server.stderr()}\n${pebble.log()}`)
  assert.deepEqual(issued.subjectaltname.split(', ').sort(), [`DNS:${NAMES[0]}`, 'IP Address:127.0.0.1'])
  assert.equal((await fetchCertificate(port, NAMES[0], root)).serialNumber, issued.serialNumber)
  await eventually(STEP_MS, async () => {
    const { serialNumber } = await fetchCertificate(port, undefined, root)
    return serialNumber !== issued.serialNumber
  }, `another certificate\n${server.stderr()}\n${pebble.log()}`)
})

test('a profile that the directory does not have is an error with those it has', { skip }, async t => {
  const { pebble, args } = await setUp(t, await freePort(), { addresses: ['127.0.0.1'] })
  const server = await startServer({ args: [...args, '--tls-acme-profile', 'long'] })
  t.after(() => server.stop())
  const line = await eventually(STEP_MS, () => /^.*no certificate from the ACME directory.*$/m.exec(server.stderr())?.[0], 'the reason')
  assert.match(line, /the directory has no profile long; it has/)
  assert.match(line, pebble.profiles ? /it has default, shortlived: change tls.acme_profile/ : /it has none/)
})
