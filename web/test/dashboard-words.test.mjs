import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ruleErrors, ruleWords, valueWords } from '../dashboard/lib/alerts.js'
import { SPOTS_MAX, pictureOf, pictureWords, shortId } from '../dashboard/lib/picture.js'
import { entryOf, routeOf } from '../dashboard/lib/routes.js'
import { filtered, pageStart, pageWords, sorted } from '../dashboard/lib/rows.js'
import { changeWords, changesOf, errorsByField, groupsOf } from '../dashboard/lib/settings.js'
import { absenceWords, feedNotice, feedWords, historyTrouble, phaseNotice, sentence, signInTrouble, troubleOf } from '../dashboard/lib/texts.js'

test('addresses lead to views, and strange ones to the first', () => {
  const hash = 'AB'.repeat(20)
  assert.deepEqual(routeOf('#/swarms'), { view: 'swarms' })
  assert.deepEqual(routeOf(`#/swarms/${hash}`), { view: 'swarm', hash: hash.toLowerCase() })
  assert.deepEqual(routeOf('#/swarms/../../x'), { view: 'swarms' })
  for (const strange of ['', '#', '#/nothing', '#/__proto__']) assert.deepEqual(routeOf(strange), { view: 'overview' })
  assert.equal(entryOf(routeOf(`#/swarms/${hash}`)), 'swarms')
})

test('why there is no history is said once, and in words', () => {
  assert.match(historyTrouble({ status: 404, message: 'no history is kept here: `history` is off' }), /^No history is kept here, .* live charts/)
  assert.equal(historyTrouble({ status: 503, message: 'look at `history`' }), 'No history: Look at history.')
})

test('rows are sorted with the unknown ones last, in either order', () => {
  const rows = [{ v: 2 }, { v: null }, { v: 10 }, { v: NaN }, { v: 1 }]
  assert.deepEqual(sorted(rows, row => row.v, 'asc').slice(0, 3).map(row => row.v), [1, 2, 10])
  assert.deepEqual(sorted(rows, row => row.v, 'desc').slice(0, 3).map(row => row.v), [10, 2, 1])
  assert.deepEqual(sorted(['b10', 'B2', 'a'], row => row, 'asc'), ['a', 'B2', 'b10'])
})

test('rows are found by all words, in any case', () => {
  const rows = ['WebTorrent 3.0', 'libtorrent 2.1']
  assert.deepEqual(filtered(rows, 'TORRENT 3', row => [row]), ['WebTorrent 3.0'])
  assert.deepEqual(filtered(rows, '  ', row => [row]), rows)
})

test('pages begin at their first row, and one beyond the end is the last', () => {
  assert.equal(pageStart(70, 120, 50), 50)
  assert.equal(pageStart(500, 120, 50), 100)
  assert.equal(pageStart(50, 0, 50), 0)
  assert.equal(pageWords(50, 50, 20_000), '51 to 100 of 20,000')
  assert.equal(pageWords(0, 0, 0), 'none')
})

test('how fresh the numbers are is said plainly', () => {
  assert.equal(feedWords({ mode: 'live', reason: '' }, 1), 'live')
  assert.equal(feedWords({ mode: 'live', reason: '' }, 9), 'live, updated 9 s ago')
  assert.match(feedWords({ mode: 'down', reason: '' }, 75), /no connection, updated 1 min 15 s ago/)
  assert.equal(feedWords({ mode: 'closed', reason: '' }, null), 'not public')
})

test('what is wrong with the feed is said with what happens next', () => {
  assert.equal(feedNotice({ mode: 'live', reason: '' }, 1, false), null)
  assert.equal(feedNotice({ mode: 'connecting', reason: '' }, null, false), null)
  assert.match(feedNotice({ mode: 'live', reason: '' }, 12, false)?.title ?? '', /stand still/)
  assert.match(feedNotice({ mode: 'down', reason: '' }, 12, false)?.text ?? '', /from 12 s ago.*tried again/)
  assert.match(feedNotice({ mode: 'polling', reason: 'It says: full' }, 1, false)?.text ?? '', /It says: full.*every two seconds/)
  const closed = feedNotice({ mode: 'closed', reason: '' }, null, false)
  assert.match(closed?.text ?? '', /public_stats = false/)
  assert.equal(closed?.action?.id, 'sign-in')
  assert.equal(feedNotice({ mode: 'closed', reason: '' }, null, true)?.action, undefined)
  assert.equal(phaseNotice('serving'), null)
  assert.match(phaseNotice('quiet')?.title ?? '', /leaving/)
})

test('a sign-in that fails says why', () => {
  const failed = (status, more = {}) => signInTrouble({ status, message: 'x', errors: [], retryAfter: null, ...more })
  // A reload reaches the file only: no environment and no flags of a server that runs.
  assert.match(failed(404), /admin API is off.*admin_token .*16.* in the configuration file and reload .*, or start the server with SWARMHUB_ADMIN_TOKEN or --admin-token-file\.$/)
  assert.match(failed(401), /not the admin token/)
  assert.match(failed(429, { retryAfter: 30 }), /in 30 s/)
  assert.match(failed(0), /does not answer/)
  assert.match(troubleOf({ status: 401 }), /no longer signed in/)
  assert.equal(troubleOf({ status: 400, message: 'the key is unknown' }), 'The key is unknown.')
  assert.equal(sentence(''), '')
})

const settings = [
  { key: 'interval', value: null, doc: '', bounds: '', live: true, changed: false },
  { key: 'origin', value: '[]', doc: '', bounds: '', live: true, changed: false },
  { key: 'origin_denied', value: '[]', doc: '', bounds: '', live: true, changed: false },
  { key: 'limits.swarms_max', value: '10', doc: '', bounds: '', live: true, changed: false },
  { key: 'workers', value: '0', doc: '', bounds: '', live: false, changed: false }
]

test('only settings that were changed are sent, and an emptied one is unset', () => {
  const written = { interval: '', origin: '', 'limits.swarms_max': ' 20 ', workers: '4' }
  const changes = changesOf(settings, key => written[key])
  assert.deepEqual(changes, { origin: null, 'limits.swarms_max': '20' })
  assert.deepEqual(changeWords(settings, changes), ['origin: [] → not set', 'limits.swarms_max: 10 → 20'])
  assert.deepEqual(groupsOf(settings).map(({ name, settings }) => [name, settings.length]), [['', 4], ['limits', 1]])
})

test('errors go to the field that they name', () => {
  const keys = settings.map(({ key }) => key)
  const { fields, rest } = errorsByField(['limits.swarms_max: too small', '`origin_denied` is no list', 'something else'], keys)
  assert.deepEqual([...fields], [['limits.swarms_max', 'limits.swarms_max: too small'], ['origin_denied', '`origin_denied` is no list']])
  assert.deepEqual(rest, ['something else'])
})

const rule = { doc: '', series: 'memory', comparison: '>', threshold: 5e9, clear: 4e9, for: 60, keep_firing: 0, severity: 'warning', enabled: true }
const memory = [{ name: 'memory', kind: 'gauge', unit: 'bytes', doc: '' }]

test('a rule is words, and a part of something else has no unit', () => {
  assert.equal(ruleWords(rule, memory), 'memory is over 5.00 GB for 1 min')
  assert.equal(ruleWords({ ...rule, of: 'budget', threshold: 0.9, for: 0 }, memory), 'memory / budget is over 0.9')
  assert.equal(ruleWords({ ...rule, of: 'budget', threshold: 0.125, for: 0 }, memory), 'memory / budget is over 0.125')
  assert.equal(valueWords(0.00086034, { ...rule, of: 'budget' }, memory), '0.00086')
  const budget = [...memory, { ...memory[0], name: 'budget' }]
  const share = { ...rule, of: 'budget', threshold: 0.125, for: 0 }
  assert.equal(ruleWords(share, budget), 'memory / budget is over 12.5 %')
  assert.equal(valueWords(0.00086034, share, budget), '0.086 %')
  assert.equal(valueWords(3, { ...share, threshold: 2 }, budget), '3', 'more than the whole is no share')
  assert.equal(valueWords(null, rule, memory), '–')
})

test('a rule that makes no sense is told before it is sent', () => {
  assert.deepEqual(ruleErrors('memory_high', rule), {})
  assert.deepEqual(Object.keys(ruleErrors('Not a name', { ...rule, threshold: NaN, for: -1 })), ['name', 'threshold', 'for'])
  assert.match(ruleErrors('x', { ...rule, clear: 6e9 }).clear, /at most the threshold/)
  assert.match(ruleErrors('x', { ...rule, comparison: '<' }).clear, /at least the threshold/)
})

const peer = (n, seeder = false) => ({ peer_id: String(n).padStart(40, '0'), seeder })

test('the picture shows those who were introduced last, and so many', () => {
  const peers = Array.from({ length: 100 }, (_, i) => peer(i, i % 2 === 0))
  const introductions = [50, 51, 52].map((n, i) => ({ from: peers[n].peer_id, to: peers[n + 10].peer_id, at: i, answered: i === 1 ? 2 : null }))
  const { spots, arrows, more } = pictureOf(peers, introductions, 360)
  assert.equal(spots.length, SPOTS_MAX)
  assert.equal(more, 100 - SPOTS_MAX)
  for (const { from, to } of introductions) assert.ok(spots.some(({ id }) => id === from) && spots.some(({ id }) => id === to))
  assert.deepEqual(arrows.map(({ isAnswered }) => isAnswered).sort(), [false, false, true])
  assert.ok(spots.every(({ x, y }) => x > 0 && x < 360 && y > 0 && y < 360))
})

test('offers of one pair are one arrow, answered if one of them was; who left is drawn as gone', () => {
  const [a, b] = [peer(1), peer(2)]
  const gone = peer(3).peer_id
  const offer = (from, to, answered) => ({ from, to, at: 1, answered })
  const { arrows, spots } = pictureOf([a, b], [offer(a.peer_id, b.peer_id, null), offer(a.peer_id, b.peer_id, 2), offer(gone, a.peer_id, null), offer(a.peer_id, a.peer_id, null)], 360)
  assert.deepEqual(arrows.map(({ count, isAnswered }) => [count, isAnswered]), [[2, true], [1, false]])
  assert.deepEqual(spots.filter(({ isGone }) => isGone).map(({ id }) => id), [gone])
  assert.equal(shortId(a.peer_id), '000001')
  assert.equal(pictureWords([offer(a.peer_id, b.peer_id, 2)], 2), '1 introduction among 2 peers, 1 answered.')
  assert.match(pictureWords([], 1), /One peer; nobody/)
})

test('a secret is never shown, and sent only when another one was written', () => {
  const secret = [{ key: 'admin_token', value: '"***"', doc: '', bounds: '', live: true, secret: true, changed: false }]
  assert.deepEqual(changesOf(secret, () => ''), {})
  const changes = changesOf(secret, () => '"another-token-another"')
  assert.deepEqual(changes, { admin_token: '"another-token-another"' })
  assert.deepEqual(changeWords(secret, changes), ['admin_token: another one'])
})

test('what is missing is not said to be loading when nothing answers or nothing is public', () => {
  const words = mode => absenceWords({ mode, reason: '' })
  assert.equal(words('connecting'), 'Loading …')
  assert.match(words('down'), /does not answer/)
  assert.equal(words('closed'), 'Not public.')
})
