// Starts Firefox in a home and makes its WebDriver BiDi reachable from outside: Firefox listens on the loopback interface of
// the home, Playwright connects to that of the lab. Firefox trusts an authority: Playwright makes the profile, so its
// certificate store can only be created here. Usage: firefox-in-home.mjs HOME AUTHORITY FIREFOX ARGUMENT…

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Duplex } from 'node:stream'
import { WebSocket, WebSocketServer } from 'ws'
import { createCertificateStore } from './certificate-store.mjs'

const CONNECT = 'const socket = require("net").connect(process.argv[1], "127.0.0.1"); process.stdin.pipe(socket).pipe(process.stdout)'

const [home, authority, ...command] = process.argv.slice(2)
createCertificateStore(command[command.indexOf('--profile') + 1], authority)
const inHome = (args, stdio) => spawn('nsenter', [`--net=/run/netns/${home}`, ...args], { stdio })

const lab = new WebSocketServer({ host: '127.0.0.1', port: 0 })
await once(lab, 'listening')
// The same port on both sides, because Firefox refuses requests with another one in `Host`.
const port = String(lab.address().port)
lab.on('connection', forward)
const args = command.map(argument => argument.replace(/^(--remote-debugging-port)=0$/, `$1=${port}`))
const [code] = await once(inHome(args, 'inherit'), 'exit')
process.exit(code ?? 1)

/** Forwards the messages of a connection in both directions. */
function forward (outside, { url }) {
  const methods = new Map()
  const inside = new WebSocket(`ws://127.0.0.1:${port}${url}`, { createConnection: connectInHome, perMessageDeflate: false })
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
    // Playwright sets colour schemes and the like, which older versions of Firefox do not know. The lab does not need them.
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
