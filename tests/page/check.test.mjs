// /check and <swarm-check>: all steps on a good tracker, each cause of failure of a step in its own words, a second device,
// and a browser without WebRTC.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { WebSocketServer } from 'ws'
import { eventually, nextEvent, root, startServer, startStatic } from '../support/index.mjs'
import { STEP_MS, inspect, overflow, stage } from './support.mjs'

const TOKEN = 'a-token-of-sixteen-or-more'
const SECRET = 'a-secret-of-the-relay-0123456789'

const { here, withUsers } = stage()
const pages = {}
let site
let listed
let tokens
before(async () => {
  site = await startStatic({ pages, mounts: { '/web/': join(root, 'web/') } })
  listed = await startServer({ args: ['--origin', 'https://other.example'] })
  const file = join(here.folder, 'tokens')
  await writeFile(file, `${TOKEN}\n`)
  tokens = await startServer({ args: ['--access-tokens-file', file, '--ice-turn', '--ice-turn-secret', SECRET] })
})
after(async () => {
  await Promise.all([site?.close(), listed?.stop(), tokens?.stop()])
})

/** Serves a page of another origin with the element, and returns its address. */
function serve (path, script, attributes = '', head = '') {
  pages[path] = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A shop</title>${head}</head><body>
    <h1>Help</h1><script type="module" src="${script}"></script><swarm-check ${attributes}></swarm-check></body></html>`
  return new URL(path, site.url).href
}

/** Runs in the page before its scripts. */
function recordChecks () {
  window.checks = []
  document.addEventListener('checked', ({ detail }) => window.checks.push(detail))
}

/** Opens a page and returns the steps of its first result, by id. */
async function check (page, url) {
  await page.goto(url)
  await page.waitForFunction(() => window.checks.length > 0)
  const [{ ok, steps }] = await page.evaluate(() => window.checks)
  return { ok, ...Object.fromEntries(steps.map(step => [step.id, step])) }
}

const states = ({ browser, tracker, candidates, servers, meeting, device }) =>
  [browser, tracker, candidates, servers, meeting, device].map(({ state }) => state).join(' ')

const deviceStep = page => page.locator('[data-step=device]')

test('all steps are good, and a second device joins by the link', withUsers(2, async (alice, bob) => {
  await alice.context.grantPermissions(['clipboard-read', 'clipboard-write', 'microphone'])
  const found = await check(alice.page, `${here.server.page}check`)
  assert.equal(states(found), 'good good good good good not-tested')
  assert.ok(found.ok)
  assert.match(found.tracker.text, /^A WebSocket opened in \d+ ms\. An announce was answered in \d+ ms\.$/)
  assert.match(found.servers.text, /^None offered/)
  assert.match(found.meeting.text, /^Connected in \d+ ms \((same network|direct)\)\. 1 MB moved at [\d.]+ MB\/s\.$/)
  await inspect(alice.page, 'check')

  await bob.page.setViewportSize({ width: 360, height: 780 })
  await bob.page.emulateMedia({ colorScheme: 'dark' })
  await bob.page.goto(await alice.page.getByRole('link', { name: /\/check#[0-9a-f]{40}$/ }).getAttribute('href'))
  for (const { page } of [alice, bob]) {
    const step = page.locator('[data-step=device][data-state=good]')
    await step.waitFor()
    assert.match(await step.innerText(), /1 MB moved at [\d.]+ MB\/s[^]*The other device reports no problem/)
  }
  await inspect(bob.page, 'check-phone')
  assert.equal(await overflow(bob.page), 0)
  const last = await alice.page.evaluate(() => window.checks.at(-1).steps.at(-1).state)
  assert.equal(last, 'good', 'the event after the second device')

  await alice.page.getByRole('button', { name: 'Copy the result' }).press('Enter')
  await alice.page.getByText('Copied.').waitFor()
  const lines = (await alice.page.evaluate(() => navigator.clipboard.readText())).split('\n')
  assert.equal(lines.length, 10)
  assert.match(lines[2], /^Tracker: ws:\/\/127\.0\.0\.1:\d+\/announce$/)
  assert.match(lines[9], /^6\. A second device: good, \d+ ms\. Connected/)
  assert.doesNotMatch(lines.slice(4).join(), /\d+\.\d+\.\d+\.\d+/)
  assert.equal(await alice.page.getByRole('log').locator('p').count(), 7, 'each outcome is read out')
}, { init: recordChecks }))

test('each STUN and TURN server says whether it answers', withUsers(1, async ({ page }) => {
  const silent = createSocket('udp4')
  silent.bind(0, '127.0.0.1')
  await once(silent, 'listening')
  const username = `${Math.floor(Date.now() / 1000) + 600}:checkcheck`
  const credential = createHmac('sha1', SECRET).update(username).digest('base64')
  const turn = { urls: `turn:127.0.0.1:${tokens.port}`, username, credential }
  const iceServers = [{ ...turn }, { ...turn, credential: 'wrong' }, { urls: `stun:127.0.0.1:${silent.address().port}` }]
  await page.route('**/ice', route => route.fulfill({ json: { iceServers } }))
  try {
    const { servers, candidates } = await check(page, `${here.server.page}check`)
    assert.equal(servers.state, 'warning')
    const [relay, refused, lost] = servers.details
    assert.match(relay, new RegExp(`^TURN over UDP, port ${tokens.port}: answered in \\d+ ms$`))
    assert.match(refused, /refused: 401/)
    assert.match(lost, /^STUN over UDP, port \d+: no answer within 5 s$/)
    assert.match(candidates.text, /relay/)
  } finally {
    silent.close()
  }
}, { user: { ownIceServers: true }, init: recordChecks }))

test('refused pages read the cause in words', withUsers(1, async ({ page }) => {
  const denied = await check(page, serve('/denied', `${listed.page}check.js`))
  assert.equal(states(denied), 'good failed warning not-tested not-tested not-tested')
  assert.equal(denied.tracker.text, `The tracker does not serve pages of ${site.url.slice(0, -1)}.`)
  assert.match(denied.tracker.remedy, /setting origin/)

  const missing = await check(page, serve('/missing', `${tokens.page}check.js`))
  assert.equal(missing.tracker.text, 'The tracker needs a token, and the address has none.')
  const wrong = await check(page, serve('/wrong', `${tokens.page}check.js?token=${TOKEN}x`))
  assert.equal(wrong.tracker.text, 'The token is not valid for this tracker.')
  const valid = await check(page, serve('/valid', `${tokens.page}check.js?token=${TOKEN}`))
  assert.equal(states(valid), 'good good good good good not-tested')
  assert.ok(!JSON.stringify(await page.evaluate(() => document.querySelector('swarm-check').result)).includes(TOKEN))
}, { init: recordChecks, allow: [/\/ice/] }))

test('an unreachable server, a policy of the page and another server are told apart', withUsers(1, async ({ page }) => {
  const script = `${here.server.page}check.js`
  const { port } = await startStatic().then(async other => {
    await other.close()
    return other
  })
  const down = await check(page, serve('/down', script, `tracker="ws://127.0.0.1:${port}/"`))
  assert.match(down.tracker.text, new RegExp(`^Nothing answers at 127\\.0\\.0\\.1:${port}: the server is down`))
  assert.equal(down.ok, false)
  assert.equal(down.meeting.text, 'It needs the tracker.')

  const { origin } = new URL(script)
  const policy = `default-src 'none'; script-src ${origin}; style-src ${origin}; connect-src 'self'`
  const blocked = await check(page, serve('/policy', script, '', `<meta http-equiv="content-security-policy" content="${policy}">`))
  assert.match(blocked.tracker.text, /^The content security policy of this page blocks/)
  assert.match(blocked.tracker.remedy, new RegExp(`add ws://127\\.0\\.0\\.1:${here.server.port} and ${origin} to connect-src`))
  await page.evaluate(() => { window.__violations = [] })

  const other = await check(page, serve('/other', script, `tracker="${site.url.replace('http', 'ws')}"`))
  assert.match(other.tracker.text, /^Another server answers at/)
}, { init: recordChecks, allow: [/./] }))

test('each answer of a server that opens no WebSocket has its own words', withUsers(1, async ({ page }) => {
  const served = { address: { state: 'served' }, server: { state: 'ready' }, origin: { state: 'allowed' }, token: { state: 'not_needed' } }
  let report
  await page.route('**/api/v1/check**', route => route.fulfill({ json: report, headers: { 'access-control-allow-origin': '*' } }))
  for (const [part, text, remedy] of [
    [{ address: { state: 'banned', reason: 'too many wrong tokens', retry_after: 60 } }, /^Your address is banned: too many wrong tokens\./, /^Check again in 60 s\. The operator/],
    [{ address: { state: 'limited', reason: 'too many connections', retry_after: 600 } }, /^A limit of the tracker is reached: too many connections\./, /in 10 minutes/],
    [{ server: { state: 'draining', retry_after: 30 } }, /^The server is shutting down/, /in 30 s/],
    [{ server: { state: 'no_tracker' } }, /^This address of the server has only pages/, /prefix pages\+/],
    [{}, /^The server answers HTTP, but no WebSocket opens\./, /Upgrade and Connection/]
  ]) {
    report = { ...served, ...part }
    const { tracker } = await check(page, serve('/said', `${here.server.page}check.js`, `tracker="${site.url.replace('http', 'ws')}"`))
    assert.equal(tracker.state, 'failed')
    assert.match(tracker.text, text)
    assert.match(tracker.remedy, remedy)
    await page.locator('[data-step=tracker]').getByText(tracker.text).waitFor()
  }
}, { init: recordChecks, allow: [/./] }))

/** Starts a proxy that opens WebSockets but passes on only HTTP, as some filters do. @param {string} server */
async function startSilentProxy (server) {
  const proxy = createServer(async (request, response) => {
    const answer = await fetch(new URL(request.url, server))
    const headers = { 'content-type': answer.headers.get('content-type'), 'access-control-allow-origin': '*' }
    response.writeHead(answer.status, headers).end(await answer.text())
  })
  const sockets = new WebSocketServer({ server: proxy })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const close = () => {
    for (const socket of sockets.clients) socket.terminate()
    proxy.close()
    proxy.closeAllConnections()
  }
  return { sockets, url: `ws://127.0.0.1:${proxy.address().port}/announce`, close }
}

test('a WebSocket that opens and stays silent is told apart', withUsers(1, async ({ page }) => {
  const { sockets, url, close } = await startSilentProxy(here.server.page)
  try {
    await page.clock.install()
    const announced = nextEvent(STEP_MS, sockets, 'connection').then(socket => nextEvent(STEP_MS, socket, 'message', 'the announce'))
    const checked = check(page, serve('/silent', `${here.server.page}check.js`, `tracker="${url}"`))
    await announced
    await page.clock.fastForward(10_000)
    const found = await checked
    assert.equal(states(found), 'good failed good good not-tested not-tested')
    assert.equal(found.tracker.text, 'The server answers HTTP, but the WebSocket stays silent for 10 s.')
    assert.match(found.tracker.remedy, /^A proxy or firewall .* Try another network\.$/)
    await page.locator('[data-step=tracker]').getByText(found.tracker.remedy).waitFor()
  } finally {
    close()
  }
}, { init: recordChecks }))

test('an encrypted page says that a browser does not connect it to ws://', withUsers(1, async ({ page }) => {
  const server = await startServer({ args: ['--listen', 'tls+127.0.0.1:0', '--tls-self-signed'] })
  try {
    await page.goto(`${server.page}check`)
    const tracker = await page.locator('swarm-check').evaluate(async element => {
      element.tracker = 'ws://tracker.example/'
      return (await element.run()).steps.find(({ id }) => id === 'tracker')
    })
    assert.equal(tracker.state, 'failed')
    assert.match(tracker.text, /^The page is at https:\/\/, but the address of the tracker begins with ws:\/\//)
    assert.equal(tracker.remedy, 'Give the tracker TLS, and use its wss:// address.')
    await page.locator('[data-step=tracker]').getByText(tracker.remedy).waitFor()
  } finally {
    await server.stop()
  }
}))

test('a tracker that is not named, refuses, or serves only certain info-hashes is told apart', withUsers(1, async ({ page }) => {
  const unnamed = await check(page, serve('/copy', '/web/check/define.js'))
  assert.equal(states(unnamed), 'good failed good good not-tested not-tested')
  assert.equal(unnamed.tracker.text, 'The page names no tracker.')
  assert.match(unnamed.tracker.remedy, /set the attribute tracker/)

  const file = join(here.folder, 'info-hashes')
  await writeFile(file, `${'ab'.repeat(20)}\n`)
  const limited = await startServer({ args: ['--access-info-hashes-allowed', file] })
  try {
    const { tracker, meeting } = await check(page, `${limited.page}check`)
    assert.equal(tracker.state, 'warning')
    assert.match(tracker.text, /serves only certain info-hashes/)
    assert.equal(meeting.state, 'not-tested')
  } finally {
    await limited.stop()
  }

  await page.routeWebSocket(/announce/, socket => socket.onMessage(() => socket.send('{"action":"announce","failure reason":"not today"}')))
  const refused = await check(page, `${here.server.page}check`)
  assert.equal(refused.tracker.text, 'The tracker refuses: not today.')
  await page.locator('[data-step=tracker]').getByText('Wait a minute and check again').waitFor()
}, { init: recordChecks }))

test('a list of STUN and TURN servers that is missing, not valid or of no use is told apart', withUsers(1, async ({ page }) => {
  await page.route('**/ice', route => route.fulfill({ json: { iceServers: [{ urls: 'nonsense:hub.example' }] } }))
  const wrong = await check(page, `${here.server.page}check`)
  assert.equal(states(wrong), 'good good failed failed failed not-tested')
  for (const { text, remedy } of [wrong.candidates, wrong.meeting]) {
    assert.equal(text, 'The browser does not accept the list of STUN and TURN servers.')
    assert.match(remedy, /correct ice_server/)
  }
  await page.route('**/ice', route => route.fulfill({ status: 502, body: 'Bad gateway' }))
  const missing = await check(page, `${here.server.page}check`)
  assert.equal(states(missing), 'good good warning not-tested good not-tested')
  for (const { text } of [missing.candidates, missing.servers]) assert.match(text, /The list of STUN and TURN servers could not be loaded\./)
  const turn = { urls: `turn:127.0.0.1:${tokens.port}`, username: 'nobody', credential: 'wrong' }
  await page.route('**/ice', route => route.fulfill({ json: { iceServers: [turn] } }))
  const refused = await check(page, `${here.server.page}check`)
  assert.equal(states(refused), 'good good warning failed good not-tested')
  assert.match(refused.candidates.text, /No relay, although the tracker has one\.$/)
  assert.equal(refused.servers.text, 'No server answers.')
}, { init: recordChecks, allow: [/502/], user: { ownIceServers: true } }))

/** Runs in the page: records checks and how far a connection has come, and breaks it as the address says. */
function breakConnections () {
  window.checks = []
  document.addEventListener('checked', ({ detail }) => window.checks.push(detail))
  window.reached = 0
  const { setRemoteDescription } = RTCPeerConnection.prototype
  if (location.search === '?no-address') {
    const Native = RTCPeerConnection
    // Without a TURN server there is no address then.
    window.RTCPeerConnection = class extends Native { constructor (config) { super({ ...config, iceTransportPolicy: 'relay' }) } }
    RTCPeerConnection.prototype.setRemoteDescription = async function (...args) {
      await setRemoteDescription.apply(this, args)
      if (args[0].type === 'answer') window.reached = 1
    }
  }
  if (location.search === '?no-data') RTCDataChannel.prototype.send = () => { window.reached = 1 }
}

test('two connections that do not meet say where it ended', withUsers(1, async ({ page }) => {
  let isDropping = false
  let dropped = 0
  await page.routeWebSocket(/announce/, socket => {
    const server = socket.connectToServer()
    server.onMessage(text => {
      if (isDropping && text.includes('"offer"')) dropped++
      else socket.send(text)
    })
  })
  await page.clock.install()
  /** Checks, and lets time pass when the connection has come as far as it can. */
  const meetingOf = async (query, ms, hasEnded) => {
    const checked = check(page, `${here.server.page}check${query}`)
    await eventually(STEP_MS, hasEnded, `the end of ${query}`)
    await page.clock.fastForward(ms)
    const { candidates, meeting } = await checked
    assert.equal(meeting.state, 'failed')
    await page.locator('[data-step=meeting]').getByText(meeting.text).waitFor()
    return { candidates, meeting }
  }
  const isReached = () => page.evaluate(() => window.reached)
  const { candidates, meeting } = await meetingOf('?no-address', 15_000, isReached)
  assert.equal(candidates.text, 'This browser finds no address for connections.')
  assert.match(meeting.text, /^The tracker introduced both sides, but they could not connect\. Only browsers in the same network/)
  assert.doesNotMatch(meeting.remedy, /tries again automatically/)

  const silent = await meetingOf('?no-data', 30_000, isReached)
  assert.equal(silent.meeting.text, 'Both sides connected, but the data did not arrive: 1 MB takes longer than 30 s.')
  isDropping = true
  const unanswered = await meetingOf('?no-offer', 10_000, () => dropped)
  assert.match(unanswered.meeting.text, /^The offer of one connection got no answer through the tracker/)
}, { init: breakConnections }))

test('the wait for a second device ends with the tracker, and needs the tracker of the script', withUsers(1, async ({ page }) => {
  const tracker = here.server.tracker.replace('127.0.0.1', 'localhost')
  const { device } = await check(page, serve('/elsewhere', `${here.server.page}check.js`, `tracker="${tracker}"`))
  assert.match(device.text, /^The page names another tracker than that of its script/)
  const away = await startServer()
  try {
    await check(page, `${away.page}check`)
  } finally {
    await away.stop()
  }
  await page.locator('[data-step=device][data-state=failed]').getByText('The connection to the tracker ended.').waitFor()
}, { init: recordChecks, allow: [/localhost/] }))

test('without WebRTC the tracker is still checked', withUsers(1, async ({ page }) => {
  const found = await check(page, `${here.server.page}check`)
  assert.equal(states(found), 'failed good not-tested not-tested not-tested not-tested')
  assert.match(found.browser.text, /^WebRTC is missing/)
  assert.match(found.meeting.text, /needs WebRTC/)
  await page.getByText('Something does not work').waitFor()
}, { init: () => {
  delete window.RTCPeerConnection
  window.checks = []
  document.addEventListener('checked', ({ detail }) => window.checks.push(detail))
} }))

test('stop ends a check, and a lonely guest says what is missing', withUsers(1, async ({ page }) => {
  await page.goto(`${here.server.page}check#${'ab'.repeat(20)}`)
  const step = page.locator('[data-step=device][data-state=failed]')
  await step.waitFor()
  assert.match(await step.innerText(), /The other device is not there/)
  await page.evaluate(() => {
    const element = document.querySelector('swarm-check')
    element.run()
    element.stop()
  })
  await page.getByText('The check was stopped.').waitFor()
  assert.equal(await deviceStep(page).getAttribute('data-state'), 'not-tested')
}))
