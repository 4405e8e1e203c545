// Headless Chromium that can reach only 127.0.0.1, and "users" in it: one browser context each, with its own storage,
// WebRTC on loopback only, and recorded errors and foreign requests.

import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
import { chromiumMemory } from './memory.mjs'
import { within } from './wait.mjs'

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
/** The same browser without its windows, menus, PDF viewer and installed apps, for a third less processor time. */
const SHELL = '/usr/bin/chromium-headless-shell'

const ARGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
  // One switch for all features: Chromium uses only the last one.
  '--disable-features=WebRtcHideLocalIpsWithMdns',
  // With the microphone permission this makes 127.0.0.1 an ICE candidate on every machine.
  '--allow-loopback-in-peer-connection',
  '--autoplay-policy=no-user-gesture-required',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost'
]

const CONTEXT = { ignoreHTTPSErrors: true, acceptDownloads: true }

/** Returns the path of the browser; the variable `CHROMIUM` overrides it. */
export function chromiumPath () {
  const path = process.env.CHROMIUM ?? PLACES.find(existsSync)
  if (path && existsSync(path)) return path
  throw new Error('Chromium is missing: "apt-get install --no-install-recommends chromium", or set CHROMIUM to its path')
}

/** Returns the path of the lighter browser for tests that need no more, else of Chromium; the variable `CHROMIUM` overrides both. */
export const shellPath = () => process.env.CHROMIUM || !existsSync(SHELL) ? chromiumPath() : SHELL

/** @param {{ args?: string[], isWhole?: boolean }} [options] further switches, and whether the headless shell is not enough */
export const launchChromium = ({ args = [], isWhole = false } = {}) =>
  chromium.launch({ executablePath: isWhole ? chromiumPath() : shellPath(), args: [...ARGS, ...args], timeout: 60_000 })

/**
 * Opens a user: a new context with one page.
 * @param {import('playwright-core').Browser} browser
 * @param {object} [options]
 * @param {boolean} [options.ownIceServers] let pages use the ICE servers of the test (default false: none)
 * @param {boolean} [options.loopbackOnly] drop ICE candidates other than 127.0.0.1 (default true)
 * @param {boolean} [options.shortRandom] scale Math.random() down, which shortens the reference client's wait
 *   before a reconnect from 10..310 s to 10..16 s. Never for trystero, whose ids come from Math.random().
 * @param {number} [options.firstRandom] the first value of Math.random(); trystero derives the first character of its id from it
 * @param {import('playwright-core').BrowserContextOptions} [options.context]
 */
export async function newUser (browser, { context = {}, ...options } = {}) {
  return userIn(await browser.newContext({ ...CONTEXT, ...context }), options)
}

/**
 * Opens a user with a separate browser and a profile on disk. A context stores its data in memory, like a private window.
 * @param {string} folder an empty one, for the profile @param {object} [options] as those of `newUser` and `launchChromium`
 * @returns {Promise<Awaited<ReturnType<typeof newUser>> & { memory: () => Promise<number> }>} `memory`: private bytes of the page's process
 */
export async function newUserOnDisk (folder, { isWhole = false, ...options } = {}) {
  const context = await chromium.launchPersistentContext(folder, { ...CONTEXT, executablePath: isWhole ? chromiumPath() : shellPath(), args: ARGS, timeout: 60_000 })
  return { ...await userIn(context, options), memory: () => chromiumMemory(folder) }
}

/** Makes a user of a context. @param {import('playwright-core').BrowserContext} context */
export async function userIn (context, { ownIceServers = false, loopbackOnly = true, shortRandom = false, firstRandom, permissions = ['microphone'] } = {}) {
  context.setDefaultTimeout(30_000)
  if (permissions.length) await context.grantPermissions(permissions)
  await context.addInitScript(inPage, { ownIceServers, loopbackOnly, shortRandom, firstRandom })
  const problems = watch(context)
  const page = await context.newPage()
  return {
    context,
    page,
    problems,
    close: () => context.close(),
    /** Throws if the pages of this user logged an error, threw, or contacted another host. `allow`: expected messages. */
    assertClean ({ allow = [] } = {}) {
      const all = [...problems.console, ...problems.thrown, ...problems.foreign]
      const bad = all.filter(text => !allow.some(pattern => pattern.test(text)))
      if (bad.length) throw new Error(`unexpected in the page:\n  ${bad.join('\n  ')}`)
    }
  }
}

/** @param {import('playwright-core').BrowserContext} context */
function watch (context) {
  const problems = { console: [], thrown: [], foreign: [] }
  const visit = url => {
    const { protocol, hostname } = new URL(url)
    if (!['http:', 'https:', 'ws:', 'wss:'].includes(protocol)) return
    if (hostname !== '127.0.0.1') problems.foreign.push(`request to ${url}`)
  }
  context.on('console', message => {
    if (message.type() === 'error') problems.console.push(`console: ${message.text()} (${message.location().url})`)
  })
  context.on('weberror', error => problems.thrown.push(`thrown: ${error.error()?.stack ?? error.error()}`))
  context.on('request', request => visit(request.url()))
  context.on('page', page => page.on('websocket', socket => visit(socket.url())))
  return problems
}

/** Runs in every page before its scripts. */
function inPage ({ ownIceServers, loopbackOnly, shortRandom, firstRandom }) {
  const random = Math.random
  const scale = shortRandom ? 0.02 : 1
  const first = firstRandom === undefined ? [] : [firstRandom]
  if (shortRandom || first.length) Math.random = () => first.length ? first.shift() : random() * scale

  const Native = window.RTCPeerConnection
  if (!Native) return
  const wanted = line => !loopbackOnly || line.split(' ')[4] === '127.0.0.1'
  const strip = description => description && {
    type: description.type,
    sdp: description.sdp.replace(/a=candidate:[^\r\n]*\r?\n/g, line => wanted(line) ? line : '')
  }
  // Counted here because the statistics of a connection are lost when it closes.
  const total = window.__dataChannels = { channels: 0, bytesReceived: 0, bytesSent: 0 }
  const size = data => data.byteLength ?? data.size ?? new TextEncoder().encode(data).length
  const count = channel => {
    total.channels++
    channel.addEventListener('message', ({ data }) => { total.bytesReceived += size(data) })
    return channel
  }
  const { send } = RTCDataChannel.prototype
  RTCDataChannel.prototype.send = function (data) {
    send.call(this, data)
    total.bytesSent += size(data)
  }
  window.RTCPeerConnection = class RTCPeerConnection extends Native {
    constructor (config = {}) {
      super(ownIceServers ? config : { ...config, iceServers: [] })
      this.addEventListener('datachannel', ({ channel }) => count(channel))
    }

    createDataChannel (...args) { return count(super.createDataChannel(...args)) }

    get localDescription () {
      const description = super.localDescription
      return description && new RTCSessionDescription(strip(description))
    }

    setRemoteDescription (description, ...rest) { return super.setRemoteDescription(strip(description), ...rest) }

    addIceCandidate (candidate, ...rest) {
      if (candidate?.candidate && !wanted(candidate.candidate)) return Promise.resolve()
      return super.addIceCandidate(candidate, ...rest)
    }
  }
}

/**
 * Returns the statistics of the data channels of a page of `newUser` since it was loaded; they prove that bytes came
 * peer to peer.
 * @param {import('playwright-core').Page} page
 * @returns {Promise<{ channels: number, bytesReceived: number, bytesSent: number }>}
 */
export const dataChannelStats = page =>
  within(10_000, page.evaluate(() => window.__dataChannels), 'statistics of the data channels')
