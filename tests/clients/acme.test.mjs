// Certificates from an ACME directory: ordered at the first start, kept for the next, and what is said when the
// directory cannot see that a name is ours.

import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { eventually, startServer, within } from '../support/index.mjs'
import { freePort, startPebble, whyNot } from './pebble.mjs'

const STEP_MS = 60_000
const NAMES = ['tracker.example.net', 'www.tracker.example.net']
const skip = whyNot()

/** The certificate that a visitor gets who trusts only `ca`. */
const visit = (port, servername, ca) => within(5_000, new Promise((resolve, reject) => {
  const socket = connect({ host: '127.0.0.1', port, servername, ca }, () => {
    resolve(socket.getPeerCertificate())
    socket.destroy()
  }).on('error', reject)
}), `TLS with ${servername}`)

/** A folder, a directory, and the flags that make a server use them. */
async function setUp (t, tlsPort, port = tlsPort) {
  const cache = await mkdtemp(join(tmpdir(), 'acme-'))
  t.after(() => rm(cache, { recursive: true }))
  const pebble = await startPebble({ tlsPort })
  t.after(() => pebble.stop())
  const args = ['--listen', `tls+127.0.0.1:${port}`, ...NAMES.flatMap(name => ['--tls-acme-domain', name]),
    '--tls-acme-contact', 'admin@example.net', '--tls-acme-directory', pebble.directory,
    '--tls-acme-authority', pebble.authority, '--tls-acme-cache', join(cache, 'kept')]
  return { cache: join(cache, 'kept'), pebble, args }
}

test('a certificate for all domains is ordered, served, and kept for the next start', { skip }, async t => {
  const port = await freePort()
  const { cache, pebble, args } = await setUp(t, port)
  const first = await startServer({ args })
  t.after(() => first.stop())
  const root = await pebble.root()
  const issued = await eventually(STEP_MS, () => visit(port, NAMES[0], root), `a certificate\n${first.stderr()}\n${pebble.log()}`)
  assert.deepEqual(issued.subjectaltname.split(', ').sort(), NAMES.map(name => `DNS:${name}`))
  assert.equal((await visit(port, NAMES[1], root)).serialNumber, issued.serialNumber)
  await first.stop()
  const [folder] = await readdir(cache)
  assert.deepEqual((await readdir(join(cache, folder))).sort(), ['account.json', 'certificate.pem'])

  const second = await startServer({ args })
  t.after(() => second.stop())
  assert.equal((await visit(port, NAMES[0], root)).serialNumber, issued.serialNumber)
  assert.doesNotMatch(second.stderr(), /ordering a certificate/)
})

test('a directory that cannot see that the names are ours is told with its reason', { skip }, async t => {
  // It looks where nobody listens.
  const { args } = await setUp(t, await freePort(), 0)
  const server = await startServer({ args })
  t.after(() => server.stop())
  const said = await eventually(STEP_MS, () => /^.*no certificate from the ACME directory.*$/m.exec(server.stderr())?.[0], 'the reason')
  assert.match(said, /tracker\.example\.net/)
  assert.match(said, /[Ff]ailed to connect/)
  assert.match(said, /port 443/)
})
