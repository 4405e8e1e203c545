// Two browsers in two homes share a file: cases of cases.mjs for one browser, one after another. Runs inside `isolated`.

import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { firefoxPath } from '../support/index.mjs'
import { launch } from './browsers.mjs'
import { cases } from './cases.mjs'
import { createInternet, enterHome } from './network.mjs'
import { coturnPath, createCertificates, startHelpers, startSwarmhub } from './servers.mjs'
import { shareFile, stayApart } from './transfer.mjs'

/** A slow connection is measured once more, since other programs may have used the processor. */
const ATTEMPTS = 2

const folder = mkdtempSync(join(tmpdir(), 'natlab-'))
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

/** Puts the browsers of a case behind its routers and returns them. A browser starts at the first use of its home. */
function browsersOf ({ pair, browser = 'chromium' }) {
  return Promise.all(pair.split('-').map((kind, index) => {
    const home = enterHome('ab'[index], kind)
    if (!browsers.has(home)) browsers.set(home, launch(browser, { home, folder, authority: certificates.authority }))
    return browsers.get(home)
  }))
}

/** Declares a test for each case that is wanted. @param {(one: import('./cases.mjs').Case) => boolean} isWanted */
export function testCases (isWanted) {
  createLab()
  cases.filter(isWanted).forEach(testCase)
}

function testCase (one) {
  const { mode, pair, browser = 'chromium', flags = [], host, triesIce = false, secondsMax } = one
  const name = [mode, pair, ...flags, ...host ? [`at ${host}`] : [], browser].join(' ')
  const skip = (browser === 'firefox' && !firefoxPath() && 'Firefox is missing') || (mode === 'rest' && !coturnPath() && 'coturn is missing')
  test(`${name}: ${secondsMax === null ? 'no connection' : `connected within ${secondsMax} s`}`, { skip }, async () => {
    const [from, to] = await browsersOf(one)
    const share = { from, to, host }
    const helpers = await startHelpers(mode, folder, certificates)
    const server = await startSwarmhub(one, certificates)
    try {
      if (secondsMax === null) console.log(`${name}: not connected, ${await stayApart(share, { triesIce })}`)
      else await connectWithin(one, name, share)
    } finally {
      await helpers.stop()
      await server.kill()
    }
  })
}

async function connectWithin ({ secondsMax }, name, share) {
  const all = []
  while (all.length < ATTEMPTS && !all.some(seconds => seconds <= secondsMax)) {
    const { connected, path } = await shareFile(share)
    all.push(connected)
    console.log(`${name}: connected after ${connected.toFixed(1)} s, ${path}`)
  }
  assert.ok(Math.min(...all) <= secondsMax, `connected after ${all.join(' and ')} s`)
}
