// A page of another site that the tracker refuses reads why: over a WebSocket, from webtorrent, and from the check. The
// tracker's own pages are served although no list names them.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { root, startStatic } from '../support/index.mjs'
import { inMemory, open, share, stage } from './support.mjs'

const REASON = 'Pages of this origin may not use this tracker'
const LIBRARY = '/vendor/webtorrent/webtorrent.min.js'

const { here, withUsers } = stage({ serverArgs: ['--interval', '30', '--origin', 'https://other.example'] })
let site
before(async () => {
  const mounts = { '/vendor/': join(root, 'web/vendor/') }
  site = await startStatic({ pages: { '/': '<!doctype html><title>Another site</title>' }, mounts })
})
after(() => site.close())

/** Opens a WebSocket and returns what the page learns. Runs in the page. @param {string} url */
const knock = url => new Promise(resolve => {
  const socket = new WebSocket(url)
  const messages = []
  socket.onmessage = ({ data }) => messages.push(JSON.parse(data))
  socket.onclose = ({ code, reason }) => resolve({ messages, code, reason })
})

/** Seeds a file with webtorrent and returns its first warning. Runs in the page. */
const seed = async ([library, tracker]) => {
  const { default: WebTorrent } = await import(library)
  const client = new WebTorrent()
  const torrent = client.seed(new File(['text'], 'a.txt'), { announce: [tracker] })
  const warning = await new Promise(resolve => torrent.on('warning', resolve))
  client.destroy()
  return warning.message
}

test('a page of another site reads why it is refused', withUsers(1, async ({ page }) => {
  const { tracker, page: hub } = here.server
  await page.goto(site.url)
  const { messages, code, reason } = await page.evaluate(knock, tracker)
  assert.equal(code, 4001)
  assert.match(reason, new RegExp(REASON))
  assert.deepEqual(messages, [{ action: reason, 'failure reason': reason }])
  assert.match(await page.evaluate(seed, [LIBRARY, tracker]), new RegExp(REASON))
  const check = await page.evaluate(async url => (await fetch(url)).json(), `${hub}api/v1/check`)
  assert.deepEqual(check.origin, { origin: site.url.slice(0, -1), state: 'denied', reason })
  assert.equal(check.token.state, 'not_needed')
  assert.equal(check.websocket_url, new URL('/', tracker).href)
}))

test('the own sharing page is served although the list does not name it', withUsers(2, async (alice, bob) => {
  await open(bob.page, await share(alice.page, here.server.page, inMemory('own.txt', 'its own page')))
}))
