// WebKitGTK, driven by WebDriver (https://www.w3.org/TR/webdriver2/): Playwright drives only its own build of WebKit. It
// has no WebRTC. It needs a display, so Xvfb gives it one.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually, within } from './wait.mjs'

const START_MS = 60_000
const BROWSERS = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu'].flatMap(folder => ['4.1', '4.0'].map(version => `${folder}/webkit2gtk-${version}/MiniBrowser`))

/** Why the browser cannot be started, or false. */
export const webkitMissing = () => {
  const missing = ['/usr/bin/WebKitWebDriver', '/usr/bin/Xvfb'].find(path => !existsSync(path)) ?? (BROWSERS.some(existsSync) ? '' : 'MiniBrowser')
  return missing ? `${missing} is missing: "apt-get install --no-install-recommends webkit2gtk-driver xvfb"` : false
}

/** Starts a browser with one window. */
export async function launchWebkit () {
  const home = await mkdtemp(join(tmpdir(), 'swarmhub-webkit-'))
  const display = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1400x1000x24', '-nolisten', 'tcp'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
  let driver
  const close = async () => {
    for (const child of [driver, display]) {
      if (!child || child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    await rm(home, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    const [number] = await within(START_MS, once(display.stdio[3], 'data'), 'the display')
    // In the language C, WebKit tells pages the language "C", which Intl refuses.
    const env = { ...process.env, DISPLAY: `:${String(number).trim()}`, HOME: home, LANG: 'en_US.UTF-8', LC_ALL: 'en_US.UTF-8', LIBGL_ALWAYS_SOFTWARE: '1', NO_AT_BRIDGE: '1', WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1' }
    const port = await freePort()
    driver = spawn('WebKitWebDriver', ['--host=127.0.0.1', `--port=${port}`], { env, stdio: 'ignore' })
    const call = caller(`http://127.0.0.1:${port}`)
    await eventually(START_MS, async () => (await call('GET', '/status')).ready, 'WebKitWebDriver')
    const options = { binary: BROWSERS.find(existsSync), args: ['--automation'] }
    const { sessionId } = await call('POST', '/session', { capabilities: { alwaysMatch: { 'webkitgtk:browserOptions': options } } })
    const window = windowOf((method, path, body) => call(method, `/session/${sessionId}${path}`, body))
    return { ...window, close: () => window.end().catch(() => {}).then(close) }
  } catch (error) {
    await close()
    throw error
  }
}

/** @param {(method: string, path: string, body?: object) => Promise<any>} call */
const windowOf = call => ({
  /** @param {string} url */
  goto: url => call('POST', '/url', { url }),
  /** Runs a function in the page, as it stands there. @param {Function} script @param {...unknown} args */
  evaluate: (script, ...args) => call('POST', '/execute/sync', { script: `return (${script})(...arguments)`, args }),
  /** @param {number} width @param {number} height of the window */
  resize: (width, height) => call('POST', '/window/rect', { width, height }),
  /** @returns {Promise<Buffer>} a PNG file */
  screenshot: async () => Buffer.from(await call('GET', '/screenshot'), 'base64'),
  end: () => call('DELETE', '')
})

/** @param {string} address of the driver */
const caller = address => async (method, path, body) => {
  const response = await fetch(address + path, { method, body: body && JSON.stringify(body), signal: AbortSignal.timeout(START_MS) })
  const { value } = await response.json()
  if (!response.ok) throw new Error(`${method} ${path}: ${value.error}: ${value.message}`)
  return value
}

async function freePort () {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  return port
}
