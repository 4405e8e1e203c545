// Two browsers in two homes share a file: cases of cases.mjs for one browser, one after another. Runs inside `isolated`.

import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { firefoxPath, launch } from './browsers.mjs'
import { cases } from './cases.mjs'
import { addHome, createInternet } from './network.mjs'
import { coturnPath, createCertificates, startHelpers, startSwarmhub } from './servers.mjs'
import { shareFile, stayApart } from './transfer.mjs'

/** A slow connection is measured once more, since other programs may have used the processor. */
const ATTEMPTS = 2

const folder = mkdtempSync(join(tmpdir(), 'natlab-'))
const homes = new Set()
/** @type {Map<string, Promise<import('playwright-core').Browser>>} */
const browsers = new Map()
let certificates

function createLab () {
  before(() => {
    certificates = createCertificates(folder)
    createInternet(folder)
  })
  after(async () => {
    for (const browser of browsers.values()) await browser.then(browser => browser.close(), () => {})
  })
}

/** Returns the browser of a home, which is created at its first use. */
function browserIn (home, browser) {
  if (!homes.has(home)) addHome(home, home.split('-')[1])
  homes.add(home)
  const key = `${browser} ${home}`
  if (!browsers.has(key)) browsers.set(key, launch(browser, { home, folder, authority: certificates.authority }))
  return browsers.get(key)
}

/** Returns the browsers of both homes of a case. */
function browsersOf ({ pair, browser = 'chromium' }) {
  const [a, b] = pair.split('-')
  return Promise.all([browserIn(`a-${a}`, browser), browserIn(`b-${b}`, browser)])
}

/** Starts the browsers of the next case while a case does nothing that is measured. */
function startBrowsers (next) {
  // A failure is that of the next case.
  if (next) browsersOf(next).catch(() => {})
}

/** Declares a test for each case of a browser. @param {'chromium' | 'firefox'} wanted */
export function testCases (wanted) {
  createLab()
  cases.filter(({ browser = 'chromium' }) => browser === wanted).forEach(testCase)
}

function testCase (one, index, all) {
  const { mode, pair, browser = 'chromium', flags = [], host, triesIce = false, secondsMax } = one
  const name = [mode, pair, ...flags, ...host ? [`at ${host}`] : [], browser].join(' ')
  const skip = (browser === 'firefox' && !firefoxPath() && 'Firefox is missing') || (mode === 'rest' && !coturnPath() && 'coturn is missing')
  const prepareNext = () => startBrowsers(all[index + 1])
  test(`${name}: ${secondsMax === null ? 'no connection' : `connected within ${secondsMax} s`}`, { skip }, async () => {
    const [from, to] = await browsersOf(one)
    const share = { from, to, host }
    const helpers = await startHelpers(mode, folder, certificates)
    const server = await startSwarmhub(one, certificates)
    try {
      if (secondsMax === null) console.log(`${name}: not connected, ${await stayApart(share, { triesIce, onAnswered: prepareNext })}`)
      else await connectWithin(one, name, share, prepareNext)
    } finally {
      await helpers.stop()
      await server.kill()
    }
  })
}

async function connectWithin ({ secondsMax }, name, share, prepareNext) {
  const all = []
  while (all.length < ATTEMPTS && !all.some(seconds => seconds <= secondsMax)) {
    const { connected, path } = await shareFile(share, prepareNext)
    all.push(connected)
    console.log(`${name}: connected after ${connected.toFixed(1)} s, ${path}`)
  }
  assert.ok(Math.min(...all) <= secondsMax, `connected after ${all.join(' and ')} s`)
}
