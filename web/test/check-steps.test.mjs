import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browserOutcome } from '../check/lib/browser-step.js'
import { candidatesOutcome } from '../check/lib/candidates-step.js'
import { deviceLink, devicesOutcome } from '../check/lib/device-step.js'
import { exchange, parseText } from '../check/lib/exchange.js'
import { meetingFailure } from '../check/lib/meeting-step.js'
import { failed, good, notTested, STEP_IDS, TITLES } from '../check/lib/outcomes.js'
import { reportText, withoutToken } from '../check/lib/report.js'
import { answerOf, serverName, serversOutcome, splitServers } from '../check/lib/servers-step.js'

const ALL = { secure: true, subtle: true, webrtc: true, webSocket: true, address: 'https://hub.example/check' }

test('each missing part of the browser has its own words', () => {
  assert.equal(browserOutcome(ALL).state, 'good')
  for (const [part, words] of [
    ['webSocket', /no WebSocket/],
    ['webrtc', /WebRTC is missing/],
    ['secure', /plain http/],
    ['subtle', /WebCrypto/]
  ]) {
    const { state, text, remedy } = browserOutcome({ ...ALL, [part]: false })
    assert.equal(state, 'failed')
    assert.match(text, words)
    assert.notEqual(remedy, '')
  }
})

test('candidate types are compared with the servers of the tracker', () => {
  const outcome = (types, kinds, isMissing = false) =>
    candidatesOutcome(new Map(types.map(type => [type, 5])), { stun: false, turn: false, ...kinds }, isMissing)
  assert.equal(outcome([], {}).state, 'failed')
  assert.match(outcome(['host'], {}).text, /offers no STUN or TURN server/)
  assert.match(outcome(['host'], { stun: true }).text, /No address that the internet sees/)
  assert.equal(outcome(['host', 'srflx'], { stun: true }).state, 'good')
  assert.match(outcome(['host', 'srflx'], { stun: true, turn: true }).text, /No relay/)
  assert.equal(outcome(['host'], {}, true).state, 'warning')
})

test('a server is named without its address', () => {
  for (const [url, name] of [
    ['stun:192.0.2.7:443', 'STUN over UDP, port 443'],
    ['stun:hub.example', 'STUN over UDP, port 3478'],
    ['turn:[2001:db8::1]:3478?transport=tcp', 'TURN over TCP, port 3478'],
    ['turns:hub.example', 'TURN over TLS, port 5349'],
    ['x', 'Unknown server']
  ])
    assert.equal(serverName(url), name)
  const servers = splitServers([{ urls: ['stun:a', 'turn:a'], username: 'u', credential: 'c' }, { urls: 'turns:b' }])
  assert.deepEqual(
    servers.map(({ kind, server }) => [kind, server.urls, server.username]),
    [
      ['stun', 'stun:a', 'u'],
      ['turn', 'turn:a', 'u'],
      ['turn', 'turns:b', undefined]
    ]
  )
})

test('silence and refusals of a server are told apart', () => {
  const answer = (wanted, found) => answerOf(wanted, { types: new Map(), errors: [], isComplete: true, ...found })
  assert.equal(answer('relay', { types: new Map([['relay', 7]]) }).text, 'answered in 7 ms')
  assert.match(answer('relay', { errors: [{ code: 401, text: 'Unauthorized' }] }).text, /refused: 401 Unauthorized/)
  assert.match(answer('srflx', { isComplete: false }).text, /no answer within 5 s/)
  assert.match(answer('srflx', { errors: [{ code: 701, text: '' }] }).text, /no answer/)
  assert.equal(answer('srflx', {}).state, 'warning')
  const results = ['good', 'failed'].map(state => ({ name: 'STUN', state, text: state }))
  assert.equal(serversOutcome([], 0).text.split('.')[0], 'None offered')
  assert.equal(serversOutcome(results, 2).state, 'warning')
  assert.equal(serversOutcome(results.slice(1), 1).state, 'failed')
  assert.match(serversOutcome(results.slice(0, 1), 4).details.join(), /3 more were not tested/)
})

test('unknown parts of a text of the other device are left out', () => {
  assert.deepEqual(parseText('{"states":{"browser":"good","x":"good","tracker":"<b>"}}'), {
    states: { browser: 'good' }
  })
  for (const text of ['{', 'null', '5', '{"states":5}', '{"megabyteMs":-1}', `{"states":{},"x":"${'x'.repeat(1000)}"}`])
    assert.deepEqual(parseText(text), {}, text)
})

/** Two ends of a data channel that takes everything at once. */
function channels() {
  const [one, other] = [new EventTarget(), new EventTarget()]
  for (const [from, to] of [
    [one, other],
    [other, one]
  ]) {
    Object.assign(from, { readyState: 'open', bufferedAmount: 0 })
    from.send = data => queueMicrotask(() => to.dispatchEvent(Object.assign(new Event('message'), { data })))
  }
  return [one, other]
}

test('both sides learn the time of 1 MB and the states of the other', async () => {
  const [one, other] = channels()
  const { signal } = new AbortController()
  const both = [exchange(one, true, { browser: 'good' }, signal), exchange(other, false, { servers: 'failed' }, signal)]
  const [sender, receiver] = await Promise.all(both)
  assert.deepEqual([sender.states, receiver.states], [{ servers: 'failed' }, { browser: 'good' }])
  assert.equal(sender.megabyteMs, receiver.megabyteMs)
  assert.ok(sender.megabyteMs > 0)
})

test('a channel that closes early fails', async () => {
  const [one] = channels()
  const result = exchange(one, false, {}, new AbortController().signal)
  one.dispatchEvent(new Event('close'))
  await assert.rejects(result, /the connection ended/)
  assert.match(meetingFailure(new Error('the connection ended')).text, /did not arrive: the connection ended/)
})

test('the second device joins only the tracker of the server', () => {
  const server = 'https://hub.example/a/?token=x'
  const infoHash = 'ab'.repeat(20)
  const own = { server, tracker: 'wss://hub.example/a/announce?token=x', infoHash }
  assert.equal(deviceLink(own), `https://hub.example/a/check?token=x#${infoHash}`)
  assert.equal(deviceLink({ ...own, tracker: 'wss://other.example/' }), null)
  assert.equal(deviceLink({ ...own, server: null }), null)
})

test('a second device tells which of its steps failed', () => {
  const meeting = {
    peerId: '',
    connectMs: 40,
    path: 'direct',
    megabyteMs: 500,
    states: { servers: 'failed', meeting: 'good' }
  }
  const one = devicesOutcome([meeting])
  assert.equal(one.text, 'Connected in 40 ms (direct). 1 MB moved at 2.00 MB/s.')
  assert.deepEqual(one.details, ['The other device reports: STUN and TURN servers: failed.'])
  const two = devicesOutcome([meeting, { ...meeting, states: {} }])
  assert.match(two.details[1], /^Device 2: .* reports no problem\.$/)
})

test('the result as text has a line for each step and no token', () => {
  const outcomes = { tracker: failed('Down.', 'Start it.', 12), meeting: good('Fast.', 7, ['a', 'b']) }
  const steps = STEP_IDS.map(id => ({ id, title: TITLES[id], ...(outcomes[id] ?? notTested('')) }))
  const tracker = withoutToken('wss://hub.example/announce?token=secret')
  const lines = reportText({ ok: false, steps, tracker, time: '2030-01-01T00:00:00.000Z', userAgent: 'UA' }).split('\n')
  assert.equal(lines.length, 10)
  assert.equal(lines[2], 'Tracker: wss://hub.example/announce?…')
  assert.equal(lines[5], '2. The tracker: failed, 12 ms. Down. Start it.')
  assert.equal(lines[8], '5. Two connections of this page: good, 7 ms. Fast. a; b')
  assert.equal(withoutToken('wss://hub.example/secret'), 'wss://hub.example/…')
  assert.equal(withoutToken(''), '')
})
