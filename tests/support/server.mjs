// Starts and ends the real server binary for one test. It never looks inside the server: all it knows is
// the two lines printed at start, the exit code and what was logged.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { within } from './wait.mjs'

/** The repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url))

/** The binary under test: `SWARMHUB_BIN`, else the debug build. */
export const binary = resolve(root, process.env.SWARMHUB_BIN ?? 'target/debug/swarmhub')

const START_MS = 20_000
const STOP_MS = 15_000
const STDERR_CHARS_MAX = 200_000

/** Servers that are still running; they must not outlive the test process, however that ends. */
const running = new Set()
process.on('exit', () => { for (const child of running) child.kill('SIGKILL') })

/**
 * Starts the binary on 127.0.0.1 and waits until it says that it listens.
 * @param {{ args?: string[], port?: number, env?: Record<string, string> }} [options] `port` 0 takes a free one
 */
export async function startServer ({ args = [], port = 0, env = {} } = {}) {
  if (!existsSync(binary)) throw new Error(`no server binary at ${binary}: run "cargo build --locked" or set SWARMHUB_BIN`)
  const listen = args.includes('--listen') ? [] : ['--listen', `127.0.0.1:${port}`]
  const child = spawn(binary, [...listen, ...args], { cwd: root, env: { ...cleanEnv(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
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
  const complaint = (what, how) => new Error(`the server ${what}: ${describe(how)}\n${stderr}`)

  let over = false
  return {
    ...printed,
    port: Number(new URL(printed.page).port),
    pid: child.pid,
    stderr: () => stderr,
    /** Ends it as somebody at a terminal would, without a drain. Anything but exit code 0 is an error, also an end before this call; calling it again is fine. */
    async stop () {
      if (over) return
      over = true
      if (!alive()) throw complaint('had ended by itself', await exited)
      const how = await end('SIGINT')
      if (how.code !== 0) throw complaint('did not stop cleanly', how)
    },
    /** Ends it as a crash or a power cut would. */
    async kill () {
      over = true
      if (alive()) await end('SIGKILL')
    }
  }
}

/** The caller's environment without its own SWARMHUB settings, which would change what is tested; and no file is left behind. */
const cleanEnv = () => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SWARMHUB_'))),
  SWARMHUB_HISTORY: 'off'
})

const describe = ({ code, signal, error }) => error ? error.message : signal ? `signal ${signal}` : `exit code ${code}`
