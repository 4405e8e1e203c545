// Pages with the browser bundle of webtorrent that open at the same time. A page that has the file joins the swarm a moment
// before its offers are ready, so two such pages offer to each other, and webtorrent then drops both connections until its
// next announce. The tracker must keep these offers apart.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { eventually, launchChromium, startServer } from '../support/index.mjs'
import { openPage, startSite } from './pages.mjs'
import { record } from './recorder.mjs'

const PAGES = 5
/** The pages start one after the other, this far apart. */
const GAP_MS = 10
/** Until all pages have connections to all others, after the last one has started. A second is usual on two cores; an announce interval is 45 s. */
const MEET_MS = 3_000
/** A slow round is measured once more, since other programs may have used the processor. */
const ATTEMPTS = 2
/** `MEETINGS=20` measures as many rounds. */
const ROUNDS = Number(process.env.MEETINGS ?? 3)
/** Before the first page starts, so that all have their instructions. */
const LEAD_MS = 1_000
const POLL_MS = 2_000
/** Rounds in which random choice may be lucky. */
const ROUNDS_RANDOM = 3
const LENGTH = 64 * 1024

let site, browser
before(async () => { [site, browser] = await Promise.all([startSite(), launchChromium()]) })
after(async () => {
  await browser?.close()
  await site?.close()
})

/** Returns the URL of the tracker of a server that ends with the test. */
async function trackerOf (t, ...args) {
  const server = await startServer({ args })
  t.after(() => server.stop())
  return server.tracker
}

let swarms = 0

/**
 * Opens pages in a new swarm, the first `seeders` with the file, and waits until all have met.
 * @returns {Promise<{ ms: number, report: string }>} the time from the start of the last page; `Infinity` if over `MEET_MS`
 */
async function meet (t, tracker, seeders) {
  const users = await Promise.all(Array.from({ length: PAGES }, () => openPage(t, browser, `${site.url}webtorrent`)))
  const records = users.map(({ page }) => record(page))
  const file = { length: LENGTH, name: `meeting-${++swarms}.bin`, tracker }
  const magnet = await users[0].call('magnetOf', file)
  const start = Date.now() + LEAD_MS
  await Promise.all(users.map((user, i) => user.call('joinAt', { at: start + i * GAP_MS, ...i < seeders ? { file } : { magnet } })))
  const ms = await timeToMeet(users, start + (PAGES - 1) * GAP_MS)
  await Promise.all(users.map(user => user.close()))
  return { ms, report: records.map((seen, i) => `page ${i + 1}: ${seen.summary()}`).join('\n') }
}

async function timeToMeet (users, start) {
  const deadline = start + MEET_MS
  const seen = () => Promise.all(users.map(user => user.seen()))
  const haveMet = pages => pages.every(({ metAt }) => metAt.length >= PAGES - 1)
  const pages = await eventually(deadline - Date.now() + POLL_MS, async () => {
    const pages = await seen()
    return (haveMet(pages) || Date.now() > deadline) && pages
  }, 'a look at the pages')
  if (!haveMet(pages)) return Infinity
  const started = Math.max(...pages.map(({ startedAt }) => startedAt))
  const ms = Math.max(...pages.map(({ metAt }) => metAt[PAGES - 2])) - started
  return ms <= MEET_MS ? ms : Infinity
}

test(`five pages that open within 0.1 s have all met after ${MEET_MS / 1000} s`, async t => {
  const tracker = await trackerOf(t)
  const times = []
  for (let round = 0; round < ROUNDS; round++) {
    // All with the file in every other round, else one: it and the others offer to each other, too.
    const seeders = round % 2 ? 1 : PAGES
    const tries = []
    while (tries.length < ATTEMPTS && !tries.some(({ ms }) => ms < Infinity)) {
      tries.push(await meet(t, tracker, seeders))
      if (process.env.MEETINGS) console.log(`round ${round + 1}, ${seeders} with the file: ${tries.at(-1).ms} ms`)
    }
    times.push(...tries.map(({ ms }) => ms))
    assert.ok(tries.at(-1).ms < Infinity, `round ${round + 1}\n${tries.at(-1).report}`)
  }
  console.log(`all five pages have met after ${times.join(', ')} ms`)
})

// Proves that the pages of the other test depend on the tracker.
test('with random choice they do not', async t => {
  const tracker = await trackerOf(t, '--tracker-matchmaking', 'random')
  const times = []
  while (times.length < ROUNDS_RANDOM && !times.includes(Infinity)) times.push((await meet(t, tracker, PAGES)).ms)
  assert.ok(times.includes(Infinity), `met after ${times.join(', ')} ms`)
})
