// Starts a real ACME directory: Pebble, the test server of Let's Encrypt, with a name server that resolves all names to
// this machine. It validates and issues like the real one, under a CA that it creates at each start.

import { execFileSync, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { get } from 'node:https'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually, within } from '../support/index.mjs'

const START_MS = 20_000
const QUESTION_BYTES_MIN = 17
const TYPE_A = 1
const SIX_DAYS = 6 * 86_400

/** Returns why Pebble cannot be run here, or nothing. */
export function skipReason () {
  for (const [program, ...args] of [['pebble', '-h'], ['openssl', 'version']]) {
    try {
      execFileSync(program, args, { stdio: 'ignore' })
    } catch (error) {
      // Pebble ends with an error after its help.
      if (error.code === 'ENOENT') return `${program} is not installed`
    }
  }
}

/** Returns a port that was free just now: Pebble does not support port 0. */
export async function freePort () {
  const probe = createServer().listen(0, '127.0.0.1')
  await within(START_MS, new Promise(resolve => probe.once('listening', resolve)), 'a free port')
  const { port } = probe.address()
  await new Promise(resolve => probe.close(resolve))
  return port
}

/**
 * Starts a directory that validates every name at `tlsPort` of this machine. Its certificates are valid for `seconds`.
 * It has a profile `shortlived` if this version of Pebble has profiles (2.7 and later).
 * @param {{ tlsPort: number, seconds?: number }} options
 */
export async function startPebble ({ tlsPort, seconds = SIX_DAYS }) {
  const folder = await mkdtemp(join(tmpdir(), 'pebble-'))
  const file = name => join(folder, name)
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', '/CN=directory', '-addext', 'subjectAltName=IP:127.0.0.1', '-addext', 'basicConstraints=critical,CA:FALSE',
    '-config', await bareConfig(file('openssl.cnf')), '-keyout', file('key.pem'), '-out', file('cert.pem')], { stdio: 'ignore' })
  const names = await startNameServer()
  const [listen, management] = [await freePort(), await freePort()]
  await writeFile(file('config.json'), JSON.stringify({
    pebble: {
      listenAddress: `127.0.0.1:${listen}`,
      managementListenAddress: `127.0.0.1:${management}`,
      certificate: file('cert.pem'),
      privateKey: file('key.pem'),
      httpPort: 1,
      tlsPort,
      externalAccountBindingRequired: false,
      // For Pebble before 2.7.
      certificateValidityPeriod: seconds,
      profiles: {
        default: { description: 'ninety days', validityPeriod: 15 * SIX_DAYS },
        shortlived: { description: 'short-lived', validityPeriod: seconds }
      }
    }
  }))
  const args = ['-config', file('config.json'), '-dnsserver', `127.0.0.1:${names.port}`]
  // Validates without delay. Pebble still rejects every twentieth request, as a test of clients.
  const child = spawn('pebble', args, { env: { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_AUTHZREUSE: '0' }, stdio: ['ignore', 'pipe', 'pipe'] })
  const kill = () => child.kill('SIGKILL')
  process.on('exit', kill)
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => { log += text })
  const ca = await readFile(file('cert.pem'), 'utf8')
  const ended = new Promise(resolve => child.once('close', resolve))
  const directory = await eventually(START_MS, () => fetchText(`https://127.0.0.1:${listen}/dir`, ca), () => `Pebble\n${log}`)
  return {
    directory: `https://127.0.0.1:${listen}/dir`,
    /** The profiles that the directory offers; undefined if this version has none. */
    profiles: JSON.parse(directory).meta.profiles,
    /** A file with the certificate of the directory itself. */
    authority: file('cert.pem'),
    /** Returns the root certificate of its CA. */
    root: () => fetchText(`https://127.0.0.1:${management}/roots/0`, ca),
    log: () => log,
    async stop () {
      process.off('exit', kill)
      kill()
      await within(START_MS, ended, 'the end of Pebble')
      names.close()
      await rm(folder, { recursive: true })
    }
  }
}

/** Writes a configuration in place of that of the system, which would repeat these extensions. */
async function bareConfig (path) {
  await writeFile(path, '[req]\ndistinguished_name = dn\n[dn]\n')
  return path
}

const fetchText = (url, ca) => new Promise((resolve, reject) => {
  // Newer versions of Pebble refuse requests without this header (RFC 8555, 6.1).
  get(url, { ca, agent: false, headers: { 'user-agent': 'test' } }, response => {
    let text = ''
    response.setEncoding('utf8').on('data', part => { text += part }).on('end', () => resolve(text)).on('error', reject)
  }).on('error', reject)
})

/** Starts a name server that resolves every name to this machine, IPv4 only, over UDP and TCP (RFC 1035, 4). */
async function startNameServer () {
  const datagrams = createSocket('udp4')
  datagrams.on('message', (question, from) => {
    const reply = answer(question)
    if (reply) datagrams.send(reply, from.port, from.address)
  })
  // Newer versions of Pebble ask over TCP.
  const streams = createServer(stream => stream.on('error', () => {}).on('data', bytes => {
    const reply = answer(bytes.subarray(2))
    if (reply) stream.write(Buffer.concat([Buffer.from([reply.length >> 8, reply.length & 0xff]), reply]))
  }))
  // Both need the same port, and another program may have one of the two.
  await eventually(START_MS, async () => {
    const port = await freePort()
    await new Promise((resolve, reject) => datagrams.once('error', reject).bind(port, '127.0.0.1', resolve))
    return true
  }, 'a UDP port for names')
  const { port } = datagrams.address()
  await new Promise((resolve, reject) => streams.once('error', reject).listen(port, '127.0.0.1', resolve))
  return { port, close: () => { datagrams.close(); streams.close() } }
}

/** Returns the answer to a question: an address if it asks for one, else nothing. */
function answer (question) {
  if (question.length < QUESTION_BYTES_MIN) return
  let end = 12
  while (question[end] > 0) end += 1 + question[end]
  const type = question.readUInt16BE(end + 1)
  const answers = type === TYPE_A ? [Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1])] : []
  const head = Buffer.from([question[0], question[1], 0x81, 0x80, 0, 1, 0, answers.length, 0, 0, 0, 0])
  return Buffer.concat([head, question.subarray(12, end + 5), ...answers])
}
