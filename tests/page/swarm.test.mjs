// Receivers of one sender exchange pieces, although each requests few pieces at a time.

import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { dataChannelStats, firefoxPath, hasOwnAddress, launchFirefox, newFirefoxUser, pattern } from '../support/index.mjs'
import { STEP_MS, downloadButton, open, saveAllButton, share, stage } from './support.mjs'

const RECEIVERS = 5
const BYTES = 50_000_000
/** Data sent by the sender in multiples of the file; without exchange it would be five. */
const SENT_MAX = 3.5
const TRANSFER_MS = 240_000

/** Two of them in Firefox, which needs an address of the machine that is not a loopback one. */
const IN_FIREFOX = firefoxPath() && hasOwnAddress() ? 2 : 0

const { here, withUsers } = stage()
let firefox
before(async () => { if (IN_FIREFOX) firefox = await launchFirefox() })
after(() => firefox?.close())

test('five receivers get much of a file from each other', withUsers(1 + RECEIVERS - IN_FIREFOX, async (alice, ...receivers) => {
  const others = []
  try {
    for (let i = 0; i < IN_FIREFOX; i++) {
      others.push(await newFirefoxUser(firefox))
      others[i].page.setDefaultTimeout(STEP_MS)
    }
    const file = join(here.folder, 'popular.bin')
    await writeFile(file, pattern(BYTES, 60))
    const link = await share(alice.page, here.server.page, file)
    const pages = [...receivers, ...others].map(({ page }) => page)
    for (const page of pages) await open(page, link)
    await Promise.all(pages.map(page => downloadButton(page).click()))
    await Promise.all(pages.map(page => saveAllButton(page).waitFor({ timeout: TRANSFER_MS })))
    const sent = (await dataChannelStats(alice.page)).bytesSent / BYTES
    const relayed = await Promise.all(pages.map(async page => (await dataChannelStats(page)).bytesSent / BYTES))
    console.log(`the sender sent ${sent.toFixed(2)} times the file, the receivers (the last ${IN_FIREFOX} in Firefox) ${relayed.map(part => part.toFixed(2)).join(', ')}`)
    assert.ok(sent < SENT_MAX, `the sender sent ${sent.toFixed(2)} times the file`)
    for (const one of others) one.assertClean()
  } finally {
    await Promise.all(others.map(one => one.close()))
  }
}, { user: { loopbackOnly: IN_FIREFOX === 0 } }))
