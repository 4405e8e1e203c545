// Starts and ends the real server binary for one test. It uses only the two lines printed at start, the exit code
// and the log.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { within } from './wait.mjs'

/** The root of the repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url))

/** The binary under test: `SWARMHUB_BIN`, else the debug build. */
export const binary = resolve(root, process.env.SWARMHUB_BIN ?? 'target/debug/swarmhub')

const START_MS = 20_000
const STOP_MS = 15_000
const STDERR_CHARS_MAX = 200_000

/** Running servers; they are killed when the test process ends. */
const running = new Set()
process.on('exit', () => { for (const child of running) child.kill('SIGKILL') })

/**
 * Starts the binary on 127.0.0.1 and waits until it listens.
 * @param {{ args?: string[], port?: number, env?: Record<string, string>, prefix?: string[] }} [options] `port` 0 takes a free
 *   one; `prefix`: a program with arguments that becomes the server
 */
export async function startServer ({ args = [], port = 0, env = {}, prefix = [] } = {}) {
  if (!existsSync(binary)) throw new Error(`no server binary at ${binary}: run "cargo build --locked" or set SWARMHUB_BIN`)
  const listen = args.includes('--listen') ? [] : ['--listen', `127.0.0.1:${port}`]
  const [program, ...rest] = [...prefix, binary, ...listen, ...args]
  const child = spawn(program, rest, { cwd: root, env: { ...cleanEnv(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)

  let stdout = ''
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', text => { stderr = (stderr + text).slice(-STDERR_CHARS_MAX) })
  const exited = new Promise(resolve => {
    child.once('error', error => { running.delete(child); resolve({ code: null, signal: null, error }) })
    child.once('close', (code, signal) => { running.delete(child); resolve({ code, signal }) })
  })
  const lines = new Promise((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', text => {
      stdout = (stdout + text).slice(-STDERR_CHARS_MAX)
      const page = /^page\s+(https?:\/\/\S+)\s/m.exec(stdout)
      const tracker = /^tracker\s+(wss?:\/\/\S+)\s/m.exec(stdout)
      if (page && tracker) resolve({ page: page[1], tracker: tracker[1] })
    })
    exited.then(end => reject(new Error(`the server ended at start: ${describe(end)}\n${stderr}`)))
  })

  let printed
  try {
    printed = await within(START_MS, lines, 'the "page" and "tracker" lines of the server')
  } catch (error) {
    child.kill('SIGKILL')
    await exited
    throw error
  }

  const alive = () => running.has(child)
  const end = signal => {
    child.kill(signal)
    return within(STOP_MS, exited, `exit of the server after ${signal}`)
  }
  const failure = (what, how) => new Error(`the server ${what}: ${describe(how)}\n${stderr}`)

  let isStopped = false
  return {
    ...printed,
    port: Number(new URL(printed.page).port),
    pid: child.pid,
    stderr: () => stderr,
    /** Ends it with SIGINT, without draining. An exit code other than 0 or an earlier end is an error; repeated calls do nothing. */
    async stop () {
      if (isStopped) return
      isStopped = true
      if (!alive()) throw failure('had ended by itself', await exited)
      const how = await end('SIGINT')
      if (how.code !== 0) throw failure('did not stop cleanly', how)
    },
    /** Ends it with SIGKILL, like a crash. */
    async kill () {
      isStopped = true
      if (alive()) await end('SIGKILL')
    }
  }
}

/** The environment of the caller without its SWARMHUB settings, and without a history file. */
const cleanEnv = () => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SWARMHUB_'))),
  SWARMHUB_HISTORY: 'off'
})

const describe = ({ code, signal, error }) => error ? error.message : signal ? `signal ${signal}` : `exit code ${code}`
