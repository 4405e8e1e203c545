// Two browsers that cannot reach each other see which network is the cause, until they connect. The paths of connections in
// words.

import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { eventually } from '../support/index.mjs'
import { DIRECT_PATH, downloadButton, inMemory, inspect, notice, open, share, stage, STEP_MS } from './support.mjs'

const { here, withUsers } = stage({ serverArgs: ['--interval', '30', '--ice-stun=false'] })
const silent = createSocket('udp4')
before(async () => {
  silent.bind(0, '127.0.0.1')
  await once(silent, 'listening')
})
after(() => silent.close())

/** Replaces the addresses of the other browser by one where nobody listens, until `isBlocked` is false. */
function block (user, candidateType = 'host') {
  return user.context.addInitScript(candidateType => {
    window.isBlocked = true
    const { setRemoteDescription } = RTCPeerConnection.prototype
    RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }, ...rest) {
      const blocked = sdp.replace(/^(a=candidate:\S+ \d+ \S+ \d+) \S+ \d+ typ \w+/gm, `$1 127.0.0.1 9 typ ${candidateType}`)
      return setRemoteDescription.call(this, { type, sdp: window.isBlocked ? blocked : sdp }, ...rest)
    }
  }, candidateType)
}

const peerStates = page => page.locator('.peer-state').allTextContents()

test('without a STUN server a failed connection is explained, until a peer connects', withUsers(2, async (alice, bob) => {
  for (const user of [alice, bob]) await block(user)
  const link = await share(alice.page, here.server.page, inMemory('far.bin', 'so far'))
  await bob.page.goto(link)
  for (const { page } of [alice, bob]) {
    const failed = notice(page, 'Only browsers in the same network connect here')
    await failed.getByText('Without a STUN server').waitFor()
    await failed.getByText('For the operator of the tracker:').waitFor()
    await page.getByRole('status').filter({ hasText: 'Only browsers in the same network connect here' }).waitFor()
  }
  await inspect(bob.page, 'error-no-stun')

  for (const { page } of [alice, bob]) await page.evaluate(() => { window.isBlocked = false })
  // The page announces again at once when the machine is back online.
  await bob.page.evaluate(() => dispatchEvent(new Event('online')))
  await downloadButton(bob.page).waitFor()
  for (const { page } of [alice, bob]) {
    await notice(page, 'Only browsers in the same network').waitFor({ state: 'detached' })
    await eventually(STEP_MS, async () => (await peerStates(page)).some(text => DIRECT_PATH.test(text)), 'the path of the connection')
    await page.getByRole('img', { name: /^Connected to 1: 1 (in the same network|direct)/ }).waitFor()
  }
}))

test('a network that lets no UDP out is named', withUsers(2, async (alice, bob) => {
  for (const { page } of [alice, bob]) {
    await page.route('**/ice', route => route.fulfill({ json: { iceServers: [{ urls: `stun:127.0.0.1:${silent.address().port}` }] } }))
  }
  // The receiver sees a public address of the sender, but the sender none of the receiver.
  await block(alice)
  await block(bob, 'srflx raddr 0.0.0.0 rport 0')
  const link = await share(alice.page, here.server.page, inMemory('far.bin', 'so far'))
  await bob.page.goto(link)
  await notice(bob.page, 'Your network blocks the connection').getByText('Your network lets no UDP out').waitFor()
  await notice(alice.page, 'Neither browser reaches the STUN server').waitFor()
}, { user: { ownIceServers: true } }))

test('the paths of connections have words, lines and a key', withUsers(2, async (alice, bob) => {
  // The statistics of a relayed connection, as of browsers that use the relay of this server.
  await bob.context.addInitScript(() => {
    const { getStats } = RTCPeerConnection.prototype
    RTCPeerConnection.prototype.getStats = async function () {
      const reports = await getStats.call(this)
      return new Map([...reports].map(([id, report]) =>
        [id, /-candidate$/.test(report.type) ? { ...report, candidateType: 'relay', address: '192.0.2.1' } : report]))
    }
  })
  await open(bob.page, await share(alice.page, here.server.page, inMemory('near.bin', 'so near')))
  await eventually(STEP_MS, async () => (await peerStates(bob.page)).some(text => / · through the tracker’s relay/.test(text)), 'the relay')
  await bob.page.getByRole('img', { name: 'Connected to 1: 1 through the tracker’s relay.' }).waitFor()
  assert.deepEqual(await bob.page.locator('.key span:visible').allTextContents(), ['through the tracker’s relay'])
  await inspect(bob.page, 'relayed')
}))
