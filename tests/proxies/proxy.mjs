// Runs proxies, on free ports of 127.0.0.1 and out of folders of their own; with the blocks of docs/upgrading.md as well, in which
// nothing is changed but ports. deployed.mjs has the files of deploy/.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { eventually, root, within } from '../support/index.mjs'

const START_MS = 20_000
/** Long, as on a busy machine each of its processes has to be scheduled first. */
const STOP_MS = 60_000

/** An nginx newer than Debian's. Since 1.23 of a header that stands twice it hands on the first. */
export const CURRENT_NGINX = 'nginx-current'

/** Where a program is, or undefined. Debian keeps servers where only root looks. @param {string} name */
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

/** Why tests of a program can't run here, or false. @param {string} name */
export function missing (name) {
  const absent = [name, 'openssl'].filter(program => !find(program))
  return absent.length > 0 && `${absent.join(' and ')} not installed; tests/run proxies installs what it can`
}

/** A port that was free a moment ago: neither of the two can be asked for one. */
export async function freePort () {
  const server = createServer()
  await new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  await new Promise(resolve => server.close(resolve))
  return port
}

/** The text with each of these put in; each must be there exactly once. */
export function putIn (text, changes) {
  for (const [from, to] of changes) {
    assert.equal(text.split(from).length, 2, `"${from}" is in the file once`)
    text = text.replace(from, () => to)
  }
  return text
}

/** The one block of docs/upgrading.md that begins so. @param {string} start */
function blockOfUpgrading (start) {
  const text = readFileSync(join(root, 'docs', 'upgrading.md'), 'utf8')
  const blocks = text.split(/^```.*\n/m).filter((_, place) => place % 2 === 1)
  const found = blocks.filter(block => block.startsWith(start))
  assert.equal(found.length, 1, `one block begins with "${start}"`)
  return found[0]
}

/** A folder with a certificate of its own, which goes with `release`. */
export async function workshop () {
  const folder = await mkdtemp(join(tmpdir(), 'proxies-'))
  const [certificate, key] = ['certificate.pem', 'key.pem'].map(name => join(folder, name))
  const made = spawnSync(find('openssl') ?? '', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1',
    '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', certificate], { encoding: 'utf8' })
  assert.equal(made.status, 0, made.stderr)
  return { folder, certificate, key, release: () => rm(folder, { recursive: true, force: true }) }
}

/** Starts a program that shall answer on `port`, and gives how to stop it. */
export async function run (program, args, port, release, environment = {}) {
  const all = { ...process.env, ...environment, ...(process.env.PROXIES_LIBRARIES ? { LD_LIBRARY_PATH: process.env.PROXIES_LIBRARIES } : {}) }
  const child = spawn(find(program) ?? '', args, { stdio: ['ignore', 'ignore', 'pipe'], env: all })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  let told = ''
  child.stderr.setEncoding('utf8').on('data', text => { told = (told + text).slice(-20_000) })
  let over = false
  const ended = new Promise(resolve => child.once('close', () => {
    over = true
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
      if (over) throw new Error(`${program} ended: ${told}`)
      return answers(port)
    }, `${program} on its port`)
  } catch (error) {
    await stop()
    throw new Error(`${error.message}\n${told}`, { cause: error })
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

/** @param {string} folder @param {string} site what stands in `http` */
export async function runNginx (folder, site, port, release, program = 'nginx') {
  await writeFile(join(folder, 'site.conf'), site)
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `${name}_temp_path ${folder}/${name};`)
  // As root it would turn into a user that can't reach the folder.
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

/** nginx in front of two servers, as docs/upgrading.md says. @param {number[]} behind */
export async function startNginxBeforeTwo (behind) {
  const { folder, release } = await workshop()
  const port = await freePort()
  const site = putIn(blockOfUpgrading('upstream tracker {'), [
    ['server 127.0.0.1:8001 ', `server 127.0.0.1:${behind[0]} `],
    ['server 127.0.0.1:8002 ', `server 127.0.0.1:${behind[1]} `],
    ['server {\n', `server {\n    listen 127.0.0.1:${port};\n`]
  ])
  return runNginx(folder, site, port, release)
}

/**
 * HAProxy in front of two servers, as docs/upgrading.md says.
 * @param {number[]} behind @param {[string, string][]} [changes] what else is changed
 */
export async function startHaproxyBeforeTwo (behind, changes = []) {
  const { folder, release } = await workshop()
  const port = await freePort()
  const backend = putIn(blockOfUpgrading('backend tracker\n'), [
    ['server a 127.0.0.1:8001', `server a 127.0.0.1:${behind[0]}`],
    ['server b 127.0.0.1:8002', `server b 127.0.0.1:${behind[1]}`],
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
