// The way of a file through the sharing page: chosen in one browser, downloaded and saved in another one, and compared byte
// by byte.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { eventually, pattern } from '../support/index.mjs'
import { connectionReport, pageOf } from './browsers.mjs'
import { TRACKER } from './network.mjs'

const BYTES = 400_000
const STEP_MS = 60_000
/** webtorrent gives up after 25 s. Slower connections than the limit of a case are still measured, for the message. */
const CONNECT_MS_MAX = 25_000
/**
 * How long two browsers that have each other's description may not connect. A browser reports "failed" only after 15 s
 * without any valid candidate pair; connections that work take less than a second from there.
 */
const APART_MS = 3_000
/** Between two questions to a page, which take processor time from the connection. The page itself notes when it is there. */
const ASK_MS = 100

/** Asks pages until they have what is wanted. */
const askUntil = (ms, ask, what) => eventually(ms, async () => {
  const found = await ask()
  if (!found) await wait(ASK_MS)
  return found
}, what)

let shares = 80

/** Runs `story` with a sender that shares a file at a host, and a receiver; both leave the page at the end. */
async function withShare ({ from, to, host = TRACKER.name }, story) {
  const [sender, receiver] = await Promise.all([from, to].map(pageOf))
  try {
    // Browsers keep earlier downloads.
    const content = Buffer.from(pattern(BYTES, ++shares))
    await sender.goto(`https://${host}/`)
    await sender.locator('input[type=file]').first().setInputFiles({ name: 'lab.bin', mimeType: 'application/octet-stream', buffer: content })
    const field = sender.getByLabel('Link to this share')
    await field.waitFor()
    await askUntil(STEP_MS, async () => (await connectionReport(sender)).hasOffered, 'the offers of the sender')
    const opened = Date.now()
    await receiver.goto(await field.inputValue())
    return await story({ sender, receiver, opened, content })
  } finally {
    await Promise.all([sender, receiver].map(page => page.goto('about:blank')))
  }
}

/**
 * Shares a file between two browsers.
 * @returns {Promise<{ connected: number, path: string }>} `connected`: seconds from opening the link
 */
export const shareFile = browsers => withShare(browsers, async ({ receiver, opened, content }) => {
  const report = await askUntil(CONNECT_MS_MAX, async () => {
    const report = await connectionReport(receiver)
    return report.path && report
  }, 'the first connection')
  await receiver.locator('[data-action=download]:visible').click({ timeout: STEP_MS })
  const save = receiver.locator('[data-action=save-all]:visible')
  await save.waitFor({ timeout: STEP_MS })
  const [download] = await Promise.all([receiver.waitForEvent('download'), save.click()])
  const saved = await readFile(await download.path())
  assert.ok(saved.equals(content), 'the saved file differs from the shared one')
  return { connected: (report.connectedAt - opened) / 1_000, path: report.path }
})

/**
 * Lets two browsers try to connect, and checks that they can't although both have answers.
 * `triesIce`: both have to try addresses.
 * @returns {Promise<string>} the states of the connections of both
 */
export const stayApart = (share, { triesIce }) => withShare(share, async ({ sender, receiver }) => {
  const reports = () => Promise.all([sender, receiver].map(connectionReport))
  await askUntil(CONNECT_MS_MAX, async () => (await reports()).every(({ answered }) => answered), 'answers on both sides')
  await wait(APART_MS)
  const both = await reports()
  for (const { connectedAt, states, path } of both) {
    assert.equal(connectedAt, 0, `they connected: ${path}`)
    if (triesIce) assert.match(states, /checking|failed/)
  }
  return both.map(({ states }) => states).join(' and ')
})
