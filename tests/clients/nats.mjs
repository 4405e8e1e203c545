// Starts a real NATS server, and nodes that are joined by it.

import { spawn, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { binary, eventually, root, startServer } from '../support/index.mjs'
import { freePort } from './pebble.mjs'

const START_MS = 20_000

/** The program, as the stage `clients` installs it. */
export const natsServer = process.env.NATS_SERVER ?? 'nats-server'

/** Returns why NATS cannot be run here, or nothing. */
export function skipReason () {
  if (spawnSync(natsServer, ['--version']).error) return 'nats-server is not installed'
}

/** Creates a key with the program under test. Returns its public part. */
export function createKey (file) {
  const made = spawnSync(binary, ['nkey', file], { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(`swarmhub nkey: ${made.stderr}`)
  return made.stdout.trim()
}

/**
 * Starts NATS with the file of deploy/cluster, and a key for its nodes. `restart` starts it again on the same port.
 * @param {import('node:test').TestContext} t
 */
export async function startNats (t) {
  const folder = await mkdtemp(join(tmpdir(), 'nats-'))
  t.after(() => rm(folder, { recursive: true }))
  const seed = join(folder, 'cluster.seed')
  const port = await freePort()
  const config = await readFile(join(root, 'deploy/cluster/nats.conf'), 'utf8')
  const file = join(folder, 'nats.conf')
  await writeFile(file, config.replaceAll('NKEY', createKey(seed)).replace(/^listen: .*/m, `listen: 127.0.0.1:${port}`))

  let child
  let log = ''
  const ended = () => new Promise(resolve => child.exitCode ?? child.signalCode ? resolve() : child.once('close', resolve))
  const nats = {
    url: `nats://127.0.0.1:${port}`,
    seed,
    folder,
    log: () => log,
    signal: signal => child.kill(signal),
    async restart () {
      log = ''
      child = spawn(natsServer, ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] })
      child.stderr.setEncoding('utf8').on('data', text => { log += text })
      await eventually(START_MS, () => log.includes('Server is ready'), () => `NATS\n${log}`)
    },
    /** Ends it like a crash, so that no node is told. */
    async kill () {
      child.kill('SIGKILL')
      await ended()
    }
  }
  const atExit = () => child?.kill('SIGKILL')
  process.on('exit', atExit)
  t.after(async () => { await nats.kill(); process.off('exit', atExit) })
  await nats.restart()
  return nats
}

/** Starts a node. `args`: further flags. */
export async function startNode (t, nats, args = []) {
  const node = await startServer({ args: ['--workers', '1', '--cluster-nats', nats.url, '--cluster-nkey-file', nats.seed, ...args] })
  t.after(() => node.stop())
  return node
}
