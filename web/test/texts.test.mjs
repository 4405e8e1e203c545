import assert from 'node:assert/strict'
import { test } from 'node:test'
import { spaceNotice } from '../share/lib/storage-texts.js'
import { environmentNotice, failureNotice, peersNotice, savingNotice } from '../share/lib/texts.js'
import { insecureTrackerNotice, refusalOf, trackerNotice, warningKind } from '../share/lib/tracker-texts.js'

const fine = { secure: true, subtle: true, webrtc: true, webSocket: true, address: 'files.example' }
const alone = { role: 'receiver', connected: 0, connecting: 0, failed: 0, known: 0, waitedSeconds: 30 }
const away = {
  state: 'waiting',
  isSilent: false,
  secondsToRetry: 8,
  refusal: null,
  everOpen: false,
  cause: null,
  url: null
}

test('without a problem there is no notice', () => {
  assert.equal(environmentNotice(fine), null)
  assert.equal(trackerNotice({ ...away, state: 'open', everOpen: true }), null)
  assert.equal(trackerNotice({ ...away, state: 'connecting', secondsToRetry: 0 }), null)
  assert.equal(peersNotice({ ...alone, connected: 1, failed: 3 }), null)
  assert.equal(spaceNotice(100, { quota: 1000, usage: 10 }, null), null)
  assert.equal(spaceNotice(100, {}, null), null)
})

test('plain http from another machine is explained', () => {
  const notice = environmentNotice({
    ...fine,
    secure: false,
    subtle: false,
    webrtc: false,
    address: '192.168.1.5:8000'
  })
  assert.match(notice?.text ?? '', /192\.168\.1\.5:8000.*https.*localhost/s)
})

test('a browser without WebRTC gets an explanation', () => {
  assert.match(environmentNotice({ ...fine, webrtc: false })?.text ?? '', /WebRTC/)
})

test('a lost tracker has a countdown and a button', () => {
  const notice = trackerNotice(away)
  assert.match(notice?.title ?? '', /cannot be reached/)
  assert.match(notice?.text ?? '', /in 8 s/)
  assert.equal(notice?.action?.id, 'tracker-now')
  assert.match(trackerNotice({ ...away, everOpen: true })?.title ?? '', /lost/)
})

test('a tracker that cannot be reached is named with the cause', () => {
  const text = cause => trackerNotice({ ...away, cause, url: 'wss://hub.example:81/announce?token=x' })?.text ?? ''
  assert.match(text('silent'), /^Nothing answers at hub\.example:81: .* in 8 s\.$/)
  assert.match(text('answers'), /^hub\.example:81 answers, but opens no WebSocket/)
  assert.match(text('blocked'), /connect-src needs wss:\/\/hub\.example:81 https:\/\/hub\.example:81\./)
})

test('a WebSocket that opens and stays silent is explained', () => {
  const silent = { ...away, state: 'open', isSilent: true, secondsToRetry: 0, url: 'wss://hub.example/announce' }
  const { code, text } = trackerNotice(silent) ?? {}
  assert.equal(code, 'tracker-unreachable')
  assert.match(text ?? '', /^hub\.example opens a WebSocket, but does not answer: .* Another network often helps/)
  assert.equal(trackerNotice({ ...silent, everOpen: true })?.code, 'tracker-lost')
})

test('a module that fails to load is explained', () => {
  for (const message of [
    'Failed to fetch dynamically imported module: http://x/y.js',
    'error loading dynamically imported module',
    'Importing a module script failed.'
  ]) {
    const notice = failureNotice(new TypeError(message))
    assert.match(notice.title, /could not be loaded/)
    assert.equal(notice.action?.id, 'retry')
  }
  assert.match(failureNotice(new TypeError('x is not a function')).text, /x is not a function/)
})

test('the error of a failed save is shown', () => {
  assert.match(savingNotice(new Error('disk full')).text, /“disk full”.*still here/)
})

test('the reason of a refusal is shown', () => {
  assert.match(
    trackerNotice({ ...away, state: 'open', refusal: 'too many torrents', everOpen: true })?.text ?? '',
    /too many torrents/
  )
})

test('a receiver sees whether no peer is there, connecting, or failed', () => {
  assert.match(peersNotice(alone)?.title ?? '', /No peer/)
  assert.equal(peersNotice({ ...alone, waitedSeconds: 1 }), null)
  assert.match(peersNotice({ ...alone, known: 2 })?.title ?? '', /Connecting/)
  assert.match(peersNotice({ ...alone, connecting: 1, failed: 1 })?.title ?? '', /Connecting/)
  assert.match(peersNotice({ ...alone, failed: 1 })?.title ?? '', /^A connection could not be made$/)
  assert.match(peersNotice({ ...alone, failed: 2, role: 'sender' })?.title ?? '', /^2 connections could not be made$/)
  assert.equal(peersNotice({ ...alone, role: 'sender' }), null)
})

test('the known cause of a failed connection is shown until a peer connects', () => {
  for (const role of ['sender', 'receiver']) {
    const failed = { ...alone, role, failed: 1, failureCause: 'own-blocked' }
    assert.match(peersNotice(failed)?.title ?? '', /^Your network/)
    // Also during the next attempt.
    assert.match(peersNotice({ ...failed, connecting: 1 })?.title ?? '', /^Your network/)
    assert.equal(peersNotice({ ...failed, connected: 1 }), null)
  }
})

test('errors are explained by their cause', () => {
  assert.match(failureNotice(new DOMException('x', 'QuotaExceededError')).title, /storage is full/)
  assert.match(failureNotice(new Error('No space left on device')).title, /storage is full/)
  assert.match(failureNotice(new DOMException('x', 'NotReadableError')).title, /can no longer be read/)
  assert.match(failureNotice(Object.assign(new Error(''), { name: 'EmptyShareError' })).title, /Nothing to share/)
  assert.match(failureNotice(new Error('boom')).text, /boom/)
  assert.match(failureNotice(undefined).text, /undefined/)
})

test('too little space causes a warning before the download', () => {
  assert.match(spaceNotice(2000, { quota: 1000, usage: 500 }, null)?.text ?? '', /500 B left/)
  assert.match(spaceNotice(1e9, {}, 'window')?.text ?? '', /memory/)
  assert.equal(spaceNotice(1e6, {}, 'window'), null)
})

test('warnings of webtorrent are classified', () => {
  const cases = [
    ['Connection error: Ice connection failed.', 'peer'],
    ['connection error to ws://127.0.0.1:8000/announce', 'connection'],
    ['Error connecting to wss://hub.example/announce', 'connection'],
    ['Piece 3 failed verification', 'noise'],
    ['Invalid tracker response', 'noise'],
    ['this info_hash is not allowed', 'refusal']
  ]
  for (const [text, kind] of cases) assert.equal(warningKind(text), kind, text)
})

test('the words of a tracker that refuses the page are read from the warning', () => {
  assert.equal(refusalOf('invalid action in WS response: Pages of this origin may not'), 'Pages of this origin may not')
  assert.equal(refusalOf('this info_hash is not allowed'), 'this info_hash is not allowed')
  for (const text of ['invalid action in WS response: undefined', 'Piece 3 failed verification', 'connect timeout'])
    assert.equal(refusalOf(text), null, text)
})

test('a page at https cannot use a tracker at ws', () => {
  const page = 'https://shop.example/'
  assert.match(insecureTrackerNotice('ws://hub.example:8000/announce', page)?.text ?? '', /hub\.example:8000.*wss:/)
  for (const [tracker, from] of [
    ['wss://hub.example/announce', page],
    ['ws://hub.example/announce', 'http://shop.example/'],
    ['ws://127.0.0.1:8000/announce', page],
    ['ws://localhost:8000/announce', page]
  ])
    assert.equal(insecureTrackerNotice(/** @type {string} */ (tracker), /** @type {string} */ (from)), null, tracker)
})

test('a private window gets its own storage warnings', () => {
  const full = Object.assign(new Error('no space left'), { name: 'QuotaExceededError' })
  assert.match(failureNotice(full).text, /disk space/)
  for (const notice of [
    failureNotice(full, 'window'),
    spaceNotice(2e9, { quota: 1e9, usage: 0 }, 'window'),
    spaceNotice(6e8, {}, 'window')
  ]) {
    assert.match(notice?.text ?? '', /memory, as private windows do/)
    assert.match(notice?.text ?? '', /normal window/)
    assert.doesNotMatch(notice?.text ?? '', /disk space/)
  }
  assert.equal(spaceNotice(1e8, { quota: 1e9, usage: 0 }, 'window'), null)
})
