// Certificates from an ACME directory: ordered at the first start, stored for the next, and the error if the directory
// cannot validate a name.

import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { eventually, startServer, within } from '../support/index.mjs'
import { freePort, startPebble, skipReason } from './pebble.mjs'

const STEP_MS = 60_000
const NAMES = ['tracker.example.net', 'www.tracker.example.net']
const skip = skipReason()

/** Returns the certificate that a client gets which trusts only `ca`. */
const fetchCertificate = (port, servername, ca) => within(5_000, new Promise((resolve, reject) => {
  const socket = connect({ host: '127.0.0.1', port, servername, ca }, () => {
    resolve(socket.getPeerCertificate())
    socket.destroy()
  }).on('error', reject)
}), `TLS with ${servername}`)

/** Creates a cache folder and an ACME directory; returns them with the flags of the server. */
async function setUp (t, tlsPort, port = tlsPort) {
  const cache = await mkdtemp(join(tmpdir(), 'acme-'))
  t.after(() => rm(cache, { recursive: true }))
  const pebble = await startPebble({ tlsPort })
  t.after(() => pebble.stop())
  const args = ['--listen', `tls+127.0.0.1:${port}`, ...NAMES.flatMap(name => ['--tls-acme-domain', name]),
    '--tls-acme-contact', 'admin@example.net', '--tls-acme-directory', pebble.directory,
    '--tls-acme-authority', pebble.authority, '--tls-acme-cache', join(cache, 'stored')]
  return { cache: join(cache, 'stored'), pebble, args }
}

test('a certificate for all domains is ordered, served and stored for the next start', { skip }, async t => {
  const port = await freePort()
  const { cache, pebble, args } = await setUp(t, port)
  const first = await startServer({ args })
  t.after(() => first.stop())
  const root = await pebble.root()
  const issued = await eventually(STEP_MS, () => fetchCertificate(port, NAMES[0], root), `a certificate\n${first.stderr()}\n${pebble.log()}`)
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
  const { args } = await setUp(t, await freePort(), 0)
  const server = await startServer({ args })
  t.after(() => server.stop())
  const line = await eventually(STEP_MS, () => /^.*no certificate from the ACME directory.*$/m.exec(server.stderr())?.[0], 'the reason')
  assert.match(line, /tracker\.example\.net/)
  assert.match(line, /[Ff]ailed to connect/)
  assert.match(line, /port 443/)
})
