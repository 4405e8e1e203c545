// Headless Firefox, an unmodified one, driven by WebDriver BiDi, and "users" in it like those of chromium.mjs.

import { existsSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { firefox } from 'playwright-core'
import { userIn } from './chromium.mjs'
import { firefoxMemory } from './memory.mjs'

const LAUNCH_MS = 60_000
const PLACES = ['/usr/bin/firefox-esr', '/usr/bin/firefox']
const START = fileURLToPath(new URL('firefox-start.mjs', import.meta.url))
/** Saves a third of its processor time: nobody looks, so it paints rarely; few processes; no cache on disk. */
const QUIET = {
  'layout.frame_rate': 4,
  'ui.prefersReducedMotion': 1,
  'dom.ipc.processPrelaunch.enabled': false,
  'fission.autostart': false,
  'browser.cache.disk.enable': false
}
/** ICE candidates with the addresses of the machine: Firefox uses no loopback interface, and names work inside of one browser only. */
const OWN_ADDRESSES = { 'media.peerconnection.ice.obfuscate_host_addresses': false, 'media.autoplay.default': 0 }

/** Returns the path of Firefox, or undefined; the variable `FIREFOX` overrides it. */
export const firefoxPath = () => process.env.FIREFOX || PLACES.find(existsSync)

/**
 * Starts Firefox.
 * @param {{ folder: string, home?: string, authority?: string, preferences?: Record<string, number | boolean> }} where `folder`: an
 *   empty one, for its files; `home`: its network namespace; `authority`: a certificate authority that it trusts
 */
export function launchFirefoxIn ({ folder, home, authority, preferences = {} }) {
  const executablePath = join(folder, 'firefox')
  const options = JSON.stringify({ home, authority })
  writeFileSync(executablePath, `#!/bin/sh\nexec "${process.execPath}" "${START}" '${options}' "${firefoxPath()}" "$@"\n`, { mode: 0o755 })
  // Playwright drives it by WebDriver BiDi for channels that begin with "moz-".
  return firefox.launch({ channel: 'moz-firefox', executablePath, env: { ...process.env, HOME: folder }, firefoxUserPrefs: { ...QUIET, ...preferences }, timeout: LAUNCH_MS })
}

/** Starts Firefox for users whose data stays on this machine. */
export async function launchFirefox () {
  const folder = await mkdtemp(join(tmpdir(), 'swarmhub-firefox-'))
  const browser = await launchFirefoxIn({ folder, preferences: OWN_ADDRESSES })
  const close = browser.close.bind(browser)
  browser.close = async () => {
    await close()
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  return browser
}

/** Whether Firefox can connect to other browsers here: it needs an address of the machine that is not a loopback one. */
export const hasOwnAddress = () => Object.values(networkInterfaces()).flat().some(address => address && !address.internal)

/** Opens a user in Firefox, see `newUser` of chromium.mjs. @param {import('playwright-core').Browser} browser */
export const newFirefoxUser = async browser => userIn(await browser.newContext({ acceptDownloads: true }), { permissions: [], loopbackOnly: false })

/** Opens a user in a Firefox of its own, see `newUserOnDisk` of chromium.mjs. @param {string} folder an empty one */
export async function newFirefoxUserOnDisk (folder) {
  await mkdir(folder)
  const browser = await launchFirefoxIn({ folder, preferences: OWN_ADDRESSES })
  return { ...await newFirefoxUser(browser), close: () => browser.close(), memory: () => firefoxMemory(folder) }
}
