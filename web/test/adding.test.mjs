// Files that are added to a running share, what a program may pass to the element, and the password of a receiver.

import assert from 'node:assert/strict'
import { File } from 'node:buffer'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { newFiles } from '../share/core/added-files.js'
import { EARLIER_SHARES_MAX, EarlierShares } from '../share/core/earlier-shares.js'
import { PeerList } from '../share/core/peers.js'
import { Preparation } from '../share/core/preparation.js'
import { Publication } from '../share/core/publication.js'
import { sealShare } from '../share/core/sealed-share.js'
import { Transfer } from '../share/core/transfer.js'
import { EventReporter } from '../share/elements/event-reporter.js'
import { earlierText } from '../share/lib/adding-texts.js'
import { optionsNotice } from '../share/lib/call-options.js'
import { parseLink } from '../share/lib/link.js'
import { milestone } from '../share/lib/milestones.js'
import { PeerNumbers } from '../share/lib/peer-numbers.js'

const HASH = '0218db4d09598926571b9041beb1cb91adc3f60a'
const KEY = 'AAAAAAAAAAAAAAAAAAAAAA'
const chosen = (path, text, lastModified = 1) =>
  /** @type {any} */ ({ path, file: new File([text], path, { lastModified }) })
const paths = list => list.map(({ path }) => path)

test('only files that are not shared yet are added', async () => {
  const shared = [chosen('trip/a.txt', 'one'), chosen('trip/b.txt', 'two')]
  const added = [
    chosen('trip/a.txt', 'one'),
    chosen('trip/b.txt', 'two', 2),
    chosen('trip/c.txt', 'one'),
    chosen('trip/.DS_Store', 'x'),
    shared[1]
  ]
  assert.deepEqual(paths(await newFiles(shared, added)), ['trip/b.txt', 'trip/c.txt'])
  // Generated files can have the same name, size and time.
  assert.deepEqual(paths(await newFiles(shared, [chosen('trip/a.txt', 'ONE')])), ['trip/a.txt'])
  const big = end => chosen('big.bin', 'x'.repeat(300_000) + end)
  assert.equal((await newFiles([big('1')], [big('2')])).length, 1, 'another end')
  assert.equal((await newFiles([big('1')], [big('1')])).length, 0)
})

test('a share with added files has another key and the same time of expiry', async () => {
  const [a, b] = [chosen('a.txt', 'one'), chosen('b.txt', 'two')]
  const first = await new Preparation([a], { password: 'x', lifetime: 3_600_000 }).run()
  const { signal } = new AbortController()
  const options = { password: 'x', lifetime: 3_600_000, expires: first.expires }
  const both = [a, b].map(one => ({ ...one, size: one.file.size }))
  const second = await sealShare(/** @type {any} */ (both), 'a.txt and 1 more', options, () => {}, signal)
  assert.equal(second.expires, first.expires)
  const [one, two] = [first, second].map(({ address }) => /** @type {any} */ (parseLink(address)))
  assert.ok(one.hasPassword && two.hasPassword)
  assert.notEqual(one.key, two.key)
  assert.notEqual(one.infoHash, two.infoHash)
  const never = await sealShare(/** @type {any} */ (both), 'x', { lifetime: 5, expires: null }, () => {}, signal)
  assert.equal(never.expires, null)
})

/** A share that records when it ends. */
function fakeShare(name, { isTransferring = false, peers = [] } = {}) {
  const share = Object.assign(new EventTarget(), {
    name,
    isTransferring,
    hasEnded: false,
    traffic: () => ({ peers, up: 10, sent: 100 }),
    tick() {},
    retryTracker() {},
    stop() {
      share.hasEnded = true
      share.dispatchEvent(new Event('end'))
    }
  })
  return share
}

test('a bounded number of earlier shares is kept, those with a receiver longest', () => {
  const earlier = new EarlierShares()
  const shares = Array.from({ length: EARLIER_SHARES_MAX + 2 }, (_, i) =>
    fakeShare(String(i), { isTransferring: i === 0 })
  )
  for (const share of shares) earlier.add(/** @type {any} */ (share))
  const ended = () => shares.filter(({ hasEnded }) => hasEnded).map(({ name }) => name)
  assert.deepEqual(ended(), ['1', '2'])
  assert.equal(earlier.size, EARLIER_SHARES_MAX)
  assert.equal(earlier.addTo(/** @type {any} */ ({ peers: [] })).endedEarlier, 2)
  assert.ok(earlier.isTransferring)
  // A share that expires or fails ends by itself.
  shares[0].stop()
  assert.equal(earlier.size, EARLIER_SHARES_MAX - 1)
  assert.ok(!earlier.isTransferring)
  earlier.stop()
  assert.equal(earlier.size, 0)
  assert.equal(ended().length, shares.length)

  for (const share of shares) share.isTransferring = true
  for (const share of shares.slice(0, EARLIER_SHARES_MAX + 1)) earlier.add(/** @type {any} */ (share))
  assert.equal(earlier.size, EARLIER_SHARES_MAX, 'also if all have a receiver')
})

test('receivers of earlier links are listed, each once', () => {
  const earlier = new EarlierShares()
  const now = /** @type {any} */ ({ earlier: 0, peers: [{ id: 'b', number: 2 }], up: 1, sent: 5 })
  assert.equal(earlier.addTo(now), now)
  const peers = [
    { id: 'a', number: 1 },
    { id: 'b', number: 2 }
  ]
  earlier.add(/** @type {any} */ (fakeShare('x', /** @type {any} */ ({ peers }))))
  assert.deepEqual(earlier.addTo(now), {
    earlier: 1,
    endedEarlier: 0,
    peers: [
      { id: 'a', number: 1, isEarlier: true },
      { id: 'b', number: 2 }
    ],
    up: 11,
    sent: 105
  })
})

test('receivers of two shares of a page have different numbers', () => {
  const wire = id => ({ peerId: id, peerPieces: {}, isSeeder: true, downloadSpeed: () => 0, uploadSpeed: () => 0 })
  const list = (numbers, id) =>
    new PeerList(
      /** @type {any} */ (Object.assign(new EventEmitter(), { wires: [wire(id)], pieces: [] })),
      () => 0,
      numbers
    ).list(0)
  const numbers = new PeerNumbers()
  assert.deepEqual(
    [...list(numbers, 'a'), ...list(numbers, 'b'), ...list(numbers, 'a')].map(({ number }) => number),
    [1, 2, 1]
  )
})

test('the new link is reported, with progress before, and staying receivers are not', () => {
  const host = new EventTarget()
  const seen = []
  for (const type of ['progress', 'shared', 'peer'])
    host.addEventListener(type, event => {
      const { phase = '', fraction = '', type: what = '' } = /** @type {any} */ (event).detail
      seen.push([type, what, phase, fraction].filter(part => part !== '').join(' '))
    })
  const own = new EventReporter(/** @type {any} */ (host), () => 0)
  const peers = [{ id: 'a', path: 'direct' }]
  const now = /** @type {any} */ ({ role: 'sender', phase: 'sharing', size: 100, files: [], down: 0, up: 0, peers })
  const update = (transfer, adding = null, state = now) =>
    own.update(
      state,
      transfer,
      () => /** @type {any} */ ({}),
      () => true,
      adding
    )
  const [first, second] = /** @type {any[]} */ ([{}, {}])
  update(first)
  assert.deepEqual(seen.splice(0), ['progress sharing 1', 'peer joined', 'shared'])
  update(first, { ...now, phase: 'hashing', hashed: 50, size: 200 })
  assert.deepEqual(seen.splice(0), ['progress hashing 0.25'])
  update(second, null, { ...now, size: 200 })
  assert.deepEqual(seen.splice(0), ['progress sharing 1', 'shared'])
  update(second, null, { ...now, size: 200, peers: [] })
  assert.deepEqual(seen.splice(0), ['peer left'])
})

test('texts tell how many files the new link has, and what the earlier ones have', () => {
  const before = /** @type {any} */ ({ role: 'sender', phase: 'sharing', infoHash: 'a', files: [1], peers: [] })
  assert.equal(
    milestone(before, { ...before, infoHash: 'b', files: [1, 2] }),
    'Ready. There is a new link, to all 2 files.'
  )
  assert.equal(milestone(before, before), null)
  assert.match(earlierText(1, 0, 4), /The earlier link also works .* with the files that it had\.$/)
  assert.match(earlierText(3, 0, 4), /3 earlier links also work .* with the files that they had\.$/)
  assert.match(earlierText(4, 1, 4), / 1 older link has ended: at most 4 are kept/)
  assert.match(earlierText(4, 2, 4), / 2 older links have ended: at most 4 are kept/)
})

test('wrong options of a program are refused', () => {
  const refused = (options, isEncrypting = true) => optionsNotice(/** @type {any} */ (options), isEncrypting)?.code
  for (const options of [{}, { password: 'x' }, { lifetime: 1000 }, { password: '', lifetime: null }])
    assert.equal(refused(options), undefined, JSON.stringify(options))
  for (const options of [
    { password: 5 },
    { password: null },
    { lifetime: 0 },
    { lifetime: -1 },
    { lifetime: Number.NaN },
    { lifetime: Infinity },
    { lifetime: '5' },
    { lifetime: new Date() }
  ])
    assert.equal(refused(options), 'option-invalid', JSON.stringify(options))
  assert.equal(refused({ password: 'x' }, false), 'option-invalid')
  assert.equal(refused({ lifetime: 1000 }, false), 'option-invalid')
  assert.equal(refused({ password: '', lifetime: null }, false), undefined)
})

test('a receiver learns whether a password fits', async () => {
  const torrent = Object.assign(new EventEmitter(), { infoHash: HASH, destroyed: false, destroy() {}, wires: [] })
  const opened = { name: 'n', files: [], expires: null }
  const open = async password => {
    if (password === 'broken') throw new Error('broken')
    if (password !== 'right') throw Object.assign(new Error('x'), { name: 'WrongPasswordError' })
    return opened
  }
  const transfer = new Transfer(/** @type {any} */ (torrent), { address: `${HASH}.${KEY}p`, open })
  assert.equal(await transfer.unlock('right'), false, 'nothing is locked yet')
  torrent.emit('metadata')
  const wrong = []
  transfer.addEventListener('phase', () => wrong.push(transfer.snapshot().isPasswordWrong))
  assert.equal(await transfer.unlock('wrong'), false)
  assert.equal(await transfer.unlock('worse'), false)
  assert.deepEqual(wrong, [true, false, true], 'each wrong password is told')
  assert.equal(await transfer.unlock('right'), true)
  assert.equal(transfer.phase, 'checking')
})

/** A preparation that ends when the test says so. */
function fakePreparation(name) {
  let settle
  const outcome = new Promise((resolve, reject) => {
    settle = { resolve, reject }
  })
  return { name, run: () => outcome, stop: () => settle.reject(new DOMException('stopped', 'AbortError')), ...settle }
}

/** An owner that records what is shared and stopped. */
function fakeOwner() {
  const log = []
  const owner = {
    load: async () => ({}),
    start: (_engine, name) => ({ name, reached: async () => {}, stop: () => log.push(`stopped ${name}`) }),
    onShared: (transfer, { name }) => log.push(`shared ${transfer.name} of ${name}`),
    onFailed: () => log.push('failed')
  }
  return { owner: /** @type {any} */ (owner), log }
}

test('files that are added before a link is there get the same link', async () => {
  const { owner, log } = fakeOwner()
  const [one, two] = /** @type {any[]} */ ([fakePreparation('one'), fakePreparation('two')])
  const publication = new Publication(one, owner)
  publication.replace(two)
  assert.equal(publication.preparation, two)
  two.resolve('all')
  assert.equal((await publication.result).name, 'all')
  assert.deepEqual(log, ['shared all of two'])
})

test('files that are added in the last moment take the place of the earlier ones', async () => {
  const { owner, log } = fakeOwner()
  const [one, two] = /** @type {any[]} */ ([fakePreparation('one'), fakePreparation('two')])
  const start = owner.start
  owner.start = (engine, name) => {
    const transfer = start(engine, name)
    if (name === 'few') publication.replace(two)
    return transfer
  }
  const publication = new Publication(one, owner)
  one.resolve('few')
  two.resolve('all')
  assert.equal((await publication.result).name, 'all')
  assert.deepEqual(log, ['stopped few', 'shared all of two'])
})

test('a publication that has ended shares nothing, and one that fails tells the error', async () => {
  const { owner, log } = fakeOwner()
  const one = /** @type {any} */ (fakePreparation('one'))
  const publication = new Publication(one, owner)
  publication.end()
  await assert.rejects(publication.result, { name: 'AbortError' })
  const late = /** @type {any} */ (fakePreparation('late'))
  late.stop = () => {}
  const second = new Publication(late, owner)
  second.end()
  late.resolve('late')
  await assert.rejects(second.result, { name: 'AbortError' })
  assert.deepEqual(log, [])
  const bad = /** @type {any} */ (fakePreparation('bad'))
  const third = new Publication(bad, owner)
  bad.reject(new Error('unreadable'))
  await assert.rejects(third.result, { message: 'unreadable' })
  assert.deepEqual(log, ['failed'])
})
