// Starts Firefox and makes its WebDriver BiDi reachable through this process, for Playwright: it forwards messages, and
// answers what older versions of Firefox do not know. Usage: firefox-start.mjs OPTIONS FIREFOX ARGUMENT…
// OPTIONS is JSON: `home`, a network namespace in which Firefox runs, and `authority`, a certificate authority that it
// trusts; Playwright makes the profile, so its certificate store can only be created here.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { Duplex } from 'node:stream'
import { WebSocket, WebSocketServer } from 'ws'
import { createCertificateStore } from './certificate-store.mjs'

const CONNECT = 'const socket = require("net").connect(process.argv[1], "127.0.0.1"); process.stdin.pipe(socket).pipe(process.stdout)'

const [options, ...command] = process.argv.slice(2)
const { home, authority } = JSON.parse(options)
if (authority) createCertificateStore(command[command.indexOf('--profile') + 1], authority)
const inHome = (args, stdio) => {
  const [program, ...rest] = home ? ['nsenter', `--net=/run/netns/${home}`, ...args] : args
  return spawn(program, rest, { stdio })
}

const outer = new WebSocketServer({ host: '127.0.0.1', port: 0 })
await once(outer, 'listening')
// The same port on both sides of a namespace.
const outerPort = String(outer.address().port)
const port = home ? outerPort : await freePort()
outer.on('connection', forward)
const args = command.map(argument => argument.replace(/^(--remote-debugging-port)=0$/, `$1=${port}`))
const firefox = inHome(args, ['inherit', 'inherit', 'pipe'])
// Firefox prints its address, which Playwright reads.
createInterface(firefox.stderr).on('line', line => process.stderr.write(`${line.replace(`127.0.0.1:${port}`, `127.0.0.1:${outerPort}`)}\n`))
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => firefox.kill(signal))
const [code] = await once(firefox, 'exit')
process.exit(code ?? 1)

/** Forwards the messages of a connection in both directions. */
function forward (outside, { url }) {
  const methods = new Map()
  const connection = home ? { createConnection: connectInHome } : {}
  const inside = new WebSocket(`ws://127.0.0.1:${port}${url}`, { ...connection, perMessageDeflate: false })
  const opened = once(inside, 'open')
  outside.on('message', async text => {
    const { id, method } = JSON.parse(text)
    methods.set(id, method)
    await opened
    inside.send(String(text))
  })
  inside.on('message', text => {
    const { id, error } = JSON.parse(text)
    const method = methods.get(id)
    methods.delete(id)
    // Playwright sets colour schemes and the like, which tests of Firefox do not need.
    const isMissing = error === 'unknown command' && method?.startsWith('emulation.')
    outside.send(isMissing ? JSON.stringify({ type: 'success', id, result: {} }) : String(text))
  })
  for (const [one, other] of [[inside, outside], [outside, inside]]) {
    one.on('error', () => other.close())
    one.on('close', () => other.close())
  }
}

/** Returns a connection to Firefox through a process in the home. */
function connectInHome () {
  const { stdin, stdout } = inHome([process.execPath, '-e', CONNECT, port], ['pipe', 'pipe', 'inherit'])
  return Duplex.from({ writable: stdin, readable: stdout })
}

async function freePort () {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  return String(port)
}
