// trystero (rooms of pages that talk over WebRTC) in Chromium, introduced by the real binary. Of two peers
// only the one with the lower id makes offers; fixing the first character of the ids makes the order certain.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventually, launchChromium, startServer } from '../support/index.mjs'
import { openPage, startSite } from './pages.mjs'
import { record } from './recorder.mjs'

const LOW = { firstRandom: 0 }
const MIDDLE = { firstRandom: 0.5 }
const HIGH = { firstRandom: 0.99 }
// Without an obstacle it takes seconds, or one interval of announces; on a machine that is busy, several times that.
const MEET_MS = 180_000

/** trystero announces this often in its first two seconds, and then once per interval. */
const BURST = 4

let server, site, browser
before(async () => {
  [server, site, browser] = await Promise.all([startServer(), startSite(), launchChromium()])
})
after(async () => {
  await browser?.close()
  await site?.close()
  await server?.stop()
})

/** A page that has entered `room`. */
async function enter (t, room, options) {
  const user = await openPage(t, browser, `${site.url}trystero`, options)
  const seen = record(user.page)
  await user.call('join', { tracker: server.tracker, room })
  const id = await user.page.evaluate(() => window.selfId)
  return { ...user, id, announces: seen.announces, told: () => `page ${id}: ${seen.summary()}` }
}

/** Everybody in `users` meets all the others. Where that fails, the error says what each page said to the tracker and heard from it. */
const meet = users => Promise.all(users.map(user => meets(user, users.filter(other => other !== user))))

async function meets (user, others) {
  try {
    await eventually(MEET_MS, async () => {
      const { joined } = await user.seen()
      return others.every(({ id }) => joined.includes(id))
    }, `page ${user.id} meeting ${others.map(({ id }) => id)}`)
  } catch (error) {
    throw new Error([error.message, user.told(), ...others.map(other => other.told())].join('\n'), { cause: error })
  }
}

const hears = (user, text, from) => eventually(30_000, async () => {
  const { messages } = await user.seen()
  return messages.some(message => message.text === text && message.from === from)
}, `hearing "${text}"`)

/** Everybody in `users` says something that all others hear. */
async function talk (users) {
  for (const user of users) {
    const text = `hello from ${user.id}`
    await user.call('say', text)
    await Promise.all(users.filter(other => other !== user).map(other => hears(other, text, user.id)))
  }
}

// Their time goes into waiting for announces, so they run side by side.
describe('trystero', { concurrency: 2 }, () => {
  test('two pages meet and talk both ways, a third joins late, one leaves', async t => {
    const a = await enter(t, 'low joins last', HIGH)
    const b = await enter(t, 'low joins last', MIDDLE)
    await meet([a, b])
    await talk([a, b])

    const late = await enter(t, 'low joins last', LOW)
    await meet([a, b, late])
    await talk([a, b, late])

    await late.close()
    await eventually(30_000, async () => (await a.seen()).left.includes(late.id), 'the page that left is noticed')
    assert.deepEqual((await b.seen()).joined.sort(), [a.id, late.id].sort())
  })

  // The hard case: only the early page may offer, and does so once per interval. With the interval that the
  // server hands out by default this must happen before the early page's offers are dead (57 s).
  test('a late page with a higher id is met at the next announce of the early one', async t => {
    const early = await enter(t, 'high joins last', LOW)
    await eventually(MEET_MS, () => early.announces() >= BURST, 'the first announces of the early page')
    const late = await enter(t, 'high joins last', HIGH)
    await meet([early, late])
    await talk([early, late])
  })
})
