// The servers of the lab: names and STUN, swarmhub, and coturn where a mode needs it. They run in the server's namespace.

import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually, replaceOnce, root, startServer } from '../support/index.mjs'
import { HELPER, TRACKER } from './network.mjs'

const START_MS = 20_000
const COTURN_PLACES = ['/usr/bin/turnserver', '/usr/local/bin/turnserver']
/** The secret of swarmhub and coturn in the mode `rest`, and its file on the file system of the lab. */
export const SHARED_SECRET = 'secret-of-the-natlab'
const SECRET_FILE = '/run/turn-secret'
/** Nothing listens there. */
const SILENT_PORT = 3479
const IN_SERVER = ['nsenter', '--net=/run/netns/server']

/** Returns the path of coturn, or undefined; the variable `COTURN` overrides it. */
export const coturnPath = () => process.env.COTURN || COTURN_PLACES.find(existsSync)

/**
 * What swarmhub tells pages, as flags. `own`: only what swarmhub itself provides. `rest`: the same, and a coturn with
 * deploy/coturn.conf by UDP and TLS.
 */
export const MODES = {
  none: ['--ice-stun=false'],
  stun: ['--ice-server', `stun:${HELPER.v4}:3478`],
  'stun-and-silence': ['--ice-server', `stun:${HELPER.v4}:3478`, '--ice-server', `stun:${HELPER.v4}:${SILENT_PORT}`],
  'stun-by-name': ['--ice-server', `stun:${HELPER.name}:3478`],
  own: [],
  // Firefox opens no connection for `turns:` with an IP address.
  rest: [
    '--ice-turn-server', `turn:${HELPER.v4}:3478?transport=udp`, '--ice-turn-server', `turns:${HELPER.name}:443?transport=tcp`,
    '--ice-turn-secret-file', SECRET_FILE
  ]
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

/** Starts swarmhub on port 443 with the flags of a mode: at its own addresses, or at all if the page is opened by one. */
export function startSwarmhub ({ mode, host, flags = [] }, { certificate, key }) {
  const addresses = host ? ['[::]'] : [TRACKER.v4, `[${TRACKER.v6}]`]
  const listen = addresses.flatMap(address => ['--listen', `tls+${address}:443`])
  return startServer({ prefix: IN_SERVER, args: [...listen, '--tls-certificate', certificate, '--tls-key', key, ...MODES[mode], ...flags] })
}

/** Starts the name server, with STUN unless coturn or swarmhub have to serve it, and coturn in the mode `rest`. */
export async function startHelpers (mode, folder, certificates) {
  const script = fileURLToPath(new URL('name-and-stun-server.mjs', import.meta.url))
  const children = [start(process.execPath, [script, ...mode.startsWith('stun') ? ['--stun'] : []])]
  await listening(TRACKER.v4, 53)
  if (mode === 'rest') {
    writeFileSync(SECRET_FILE, SHARED_SECRET)
    children.push(start(coturnPath(), ['-c', coturnConfig(folder, certificates)], 'ignore'))
    await listening(HELPER.v4, 3478)
  }
  return { stop: () => Promise.all(children.map(stop)) }
}

/** Writes deploy/coturn.conf with secret, certificate and addresses of the lab, whose internet uses addresses of documentation. */
function coturnConfig (folder, { certificate, key }) {
  const file = `${folder}/turnserver.conf`
  const addresses = [HELPER.v4, HELPER.v6].flatMap(address => [`listening-ip=${address}`, `relay-ip=${address}`])
  const peers = ['203.0.113.0-203.0.113.127', '2001:db8::-2001:db8::ffff:ffff:ffff:ffff'].map(range => `allowed-peer-ip=${range}`)
  const lines = [...addresses, ...peers, `pidfile=${folder}/coturn.pid`, `userdb=${folder}/coturn.sqlite`]
  writeFileSync(file, replaceOnce(readFileSync(join(root, 'deploy', 'coturn.conf'), 'utf8'), [
    ['static-auth-secret=CHANGE-ME-CHANGE-ME-CHANGE-ME', `static-auth-secret=${SHARED_SECRET}`],
    ['cert=/etc/ssl/turn.example.org.pem', `cert=${certificate}`],
    ['pkey=/etc/ssl/turn.example.org.key', `pkey=${key}`],
    ['# --- End', lines.join('\n')]
  ]))
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
