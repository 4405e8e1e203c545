// The servers of the lab: names and STUN, swarmhub, and coturn where a mode needs it. They run in the server's namespace.

import { execFileSync, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { eventually, startServer } from '../support/index.mjs'
import { HELPER, TRACKER } from './network.mjs'

const START_MS = 20_000
/** coturn's `static-auth-secret` in the mode `rest`. */
export const SHARED_SECRET = 'natlab-secret'
/** Nothing listens there. */
const SILENT_PORT = 3479
const IN_SERVER = ['nsenter', '--net=/run/netns/server']

/**
 * What swarmhub tells pages, as flags. `own`: only what swarmhub itself provides. `rest`: the same, beside a coturn that
 * accepts credentials made with SHARED_SECRET.
 */
export const MODES = {
  none: ['--ice-stun=false'],
  stun: ['--ice-server', `stun:${HELPER.v4}:3478`],
  'stun-and-silence': ['--ice-server', `stun:${HELPER.v4}:3478`, '--ice-server', `stun:${HELPER.v4}:${SILENT_PORT}`],
  'stun-by-name': ['--ice-server', `stun:${HELPER.name}:3478`],
  own: [],
  rest: []
}

/** Creates an authority and the certificate of both servers in `folder`. Pages need TLS: they use secure contexts only. */
export function createCertificates (folder) {
  const openssl = (...args) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  openssl('req', '-x509', ...key, '-keyout', 'authority.key', '-out', 'authority.pem', '-subj', '/CN=natlab', '-addext', 'keyUsage=critical,keyCertSign')
  const names = [TRACKER, HELPER].flatMap(({ name, v4, v6 }) => [`DNS:${name}`, `IP:${v4}`, `IP:${v6}`])
  openssl('req', '-x509', ...key, '-CA', 'authority.pem', '-CAkey', 'authority.key', '-keyout', 'server.key', '-out', 'server.pem',
    '-subj', `/CN=${TRACKER.name}`, '-addext', `subjectAltName=${names.join(',')}`, '-addext', 'basicConstraints=critical,CA:FALSE', '-addext', 'extendedKeyUsage=serverAuth')
  return { authority: `${folder}/authority.pem`, certificate: `${folder}/server.pem`, key: `${folder}/server.key` }
}

/** Starts swarmhub on port 443 with the flags of a mode. */
export const startSwarmhub = ({ mode, flags = [] }, { certificate, key }) => startServer({
  prefix: IN_SERVER,
  args: ['--listen', `tls+${TRACKER.v4}:443`, '--listen', `tls+[${TRACKER.v6}]:443`, '--tls-certificate', certificate, '--tls-key', key, ...MODES[mode], ...flags]
})

/** Starts the name server, with STUN unless coturn or swarmhub have to serve it. */
export async function startHelpers (mode, folder, certificates) {
  const script = fileURLToPath(new URL('name-and-stun-server.mjs', import.meta.url))
  const children = [start(process.execPath, [script, ...mode.startsWith('stun') ? ['--stun'] : []])]
  await listening(TRACKER.v4, 53)
  if (mode === 'rest') {
    children.push(start('turnserver', ['-c', coturnConfig(folder, certificates)], 'ignore'))
    await listening(HELPER.v4, 3478)
  }
  return { stop: () => Promise.all(children.map(stop)) }
}

function coturnConfig (folder, { certificate, key }) {
  const file = `${folder}/turnserver.conf`
  const addresses = [HELPER.v4, HELPER.v6].flatMap(address => [`listening-ip=${address}`, `relay-ip=${address}`])
  const lines = [...addresses, 'listening-port=3478', 'tls-listening-port=443', 'realm=lab', 'use-auth-secret', `static-auth-secret=${SHARED_SECRET}`,
    `cert=${certificate}`, `pkey=${key}`, 'no-cli', 'log-file=stdout', `pidfile=${folder}/coturn.pid`, `userdb=${folder}/coturn.sqlite`]
  writeFileSync(file, `${lines.join('\n')}\n`)
  return file
}

const start = (program, args, stderr = 'inherit') => spawn(IN_SERVER[0], [...IN_SERVER.slice(1), program, ...args], { stdio: ['ignore', 'ignore', stderr] })

async function stop (child) {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
}

const listening = (address, port) => eventually(START_MS, () =>
  execFileSync(IN_SERVER[0], [...IN_SERVER.slice(1), 'ss', '-Hlun', `sport = :${port}`], { encoding: 'utf8' }).includes(`${address}:${port}`),
`a server at ${address}:${port}`)
