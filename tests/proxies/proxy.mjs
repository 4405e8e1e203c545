// Runs proxies on free ports of 127.0.0.1 with temporary folders, also with the blocks of docs/upgrading.md, in which
// only ports are changed. deployed.mjs uses the files of deploy/.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { eventually, replaceOnce, root, within } from '../support/index.mjs'

const START_MS = 20_000
/** Long, as on a busy machine all processes of a proxy must be scheduled first. */
const STOP_MS = 60_000

/** An nginx newer than Debian's. Since 1.23 it forwards only the first of two equal headers. */
export const CURRENT_NGINX = 'nginx-current'

/** Returns the path of a program, or undefined. Debian keeps servers in sbin folders. @param {string} name */
export function find (name) {
  if (name === CURRENT_NGINX) return process.env.NGINX_CURRENT
  const folders = [...(process.env.PROXIES_PATH ?? '').split(delimiter), ...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders.filter(Boolean).map(folder => join(folder, name)).find(path => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Returns why tests of a program cannot run here, or false. @param {string} name */
export function skipReason (name) {
  const absent = [name, 'openssl'].filter(program => !find(program))
  return absent.length > 0 && `${absent.join(' and ')} not installed; tests/run proxies installs what it can`
}

/** Returns a port that was free just now: the proxies do not support port 0. */
export async function freePort () {
  const server = createServer()
  await new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  await new Promise(resolve => server.close(resolve))
  return port
}

/** Returns the only block of docs/upgrading.md that begins with `start`. @param {string} start */
function blockOfUpgrading (start) {
  const text = readFileSync(join(root, 'docs', 'upgrading.md'), 'utf8')
  const blocks = text.split(/^```.*\n/m).filter((_, place) => place % 2 === 1)
  const found = blocks.filter(block => block.startsWith(start))
  assert.equal(found.length, 1, `one block begins with "${start}"`)
  return found[0]
}

/** Creates a folder with a self-signed certificate; `release` removes it. */
export async function makeFolder () {
  const folder = await mkdtemp(join(tmpdir(), 'proxies-'))
  const [certificate, key] = ['certificate.pem', 'key.pem'].map(name => join(folder, name))
  const created = spawnSync(find('openssl') ?? '', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1',
    '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', certificate], { encoding: 'utf8' })
  assert.equal(created.status, 0, created.stderr)
  return { folder, certificate, key, release: () => rm(folder, { recursive: true, force: true }) }
}

/** Starts a program that listens on `port`; returns the port and a function that stops it. */
export async function run (program, args, port, release, environment = {}) {
  const all = { ...process.env, ...environment, ...(process.env.PROXIES_LIBRARIES ? { LD_LIBRARY_PATH: process.env.PROXIES_LIBRARIES } : {}) }
  const child = spawn(find(program) ?? '', args, { stdio: ['ignore', 'ignore', 'pipe'], env: all })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  let log = ''
  child.stderr.setEncoding('utf8').on('data', text => { log = (log + text).slice(-20_000) })
  let hasEnded = false
  const ended = new Promise(resolve => child.once('close', () => {
    hasEnded = true
    resolve(undefined)
  }))
  const stop = async () => {
    child.kill('SIGTERM')
    await within(STOP_MS, ended, `end of ${program}`).finally(kill)
    process.off('exit', kill)
    await release()
  }
  try {
    await eventually(START_MS, () => {
      if (hasEnded) throw new Error(`${program} ended: ${log}`)
      return answers(port)
    }, `${program} on its port`)
  } catch (error) {
    await stop()
    throw new Error(`${error.message}\n${log}`, { cause: error })
  }
  return { port, stop }
}

function answers (port) {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** @param {string} folder @param {string} site contents of `http` */
export async function runNginx (folder, site, port, release, program = 'nginx') {
  await writeFile(join(folder, 'site.conf'), site)
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `${name}_temp_path ${folder}/${name};`)
  // As root it would switch to a user that cannot access the folder.
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  await writeFile(join(folder, 'nginx.conf'), `
    daemon off;
    ${user}
    pid ${folder}/nginx.pid;
    error_log stderr;
    events { worker_connections 256; }
    http { access_log off; ${paths.join(' ')} include ${folder}/site.conf; }
  `)
  return run(program, ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'], port, release)
}

/** Starts nginx in front of two servers, as in docs/upgrading.md. @param {number[]} serverPorts */
export async function startNginxBeforeTwo (serverPorts) {
  const { folder, release } = await makeFolder()
  const port = await freePort()
  const site = replaceOnce(blockOfUpgrading('upstream tracker {'), [
    ['server 127.0.0.1:8001 ', `server 127.0.0.1:${serverPorts[0]} `],
    ['server 127.0.0.1:8002 ', `server 127.0.0.1:${serverPorts[1]} `],
    ['server {\n', `server {\n    listen 127.0.0.1:${port};\n`]
  ])
  return runNginx(folder, site, port, release)
}

/**
 * Starts HAProxy in front of two servers, as in docs/upgrading.md.
 * @param {number[]} serverPorts @param {[string, string][]} [changes] further replacements
 */
export async function startHaproxyBeforeTwo (serverPorts, changes = []) {
  const { folder, release } = await makeFolder()
  const port = await freePort()
  const backend = replaceOnce(blockOfUpgrading('backend tracker\n'), [
    ['server a 127.0.0.1:8001', `server a 127.0.0.1:${serverPorts[0]}`],
    ['server b 127.0.0.1:8002', `server b 127.0.0.1:${serverPorts[1]}`],
    ...changes
  ])
  const file = join(folder, 'haproxy.cfg')
  await writeFile(file, `
global
    maxconn 400

defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s

frontend tracker
    bind 127.0.0.1:${port}
    default_backend tracker

${backend}`)
  return run('haproxy', ['-db', '-f', file], port, release)
}
