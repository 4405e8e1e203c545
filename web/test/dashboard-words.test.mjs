import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  fromPercent,
  isInPercent,
  readingOf,
  ruleErrors,
  ruleText,
  toPercent,
  valueText,
  verdictText
} from '../dashboard/lib/alerts.js'
import { pictureOf, pictureText, SPOTS_MAX, shortId } from '../dashboard/lib/picture.js'
import { kindText, siteRefusals, upgradeNotice } from '../dashboard/lib/refusals.js'
import { entryOf, routeOf } from '../dashboard/lib/routes.js'
import { filtered, pageStart, pageText, sorted } from '../dashboard/lib/rows.js'
import {
  boundsText,
  changesOf,
  changeTexts,
  defaultText,
  errorsByField,
  groupsOf,
  isFound,
  shownOf
} from '../dashboard/lib/settings.js'
import {
  absenceText,
  errorText,
  feedNotice,
  feedText,
  historyErrorText,
  phaseNotice,
  sentence,
  signInErrorText
} from '../dashboard/lib/texts.js'
import { changedToml, tomlText } from '../dashboard/lib/toml.js'

test('addresses map to views, unknown ones to the overview', () => {
  const hash = 'AB'.repeat(20)
  assert.deepEqual(routeOf('#/swarms'), { view: 'swarms' })
  assert.deepEqual(routeOf(`#/swarms/${hash}`), { view: 'swarm', hash: hash.toLowerCase() })
  assert.deepEqual(routeOf('#/swarms/../../x'), { view: 'swarms' })
  assert.deepEqual(routeOf('#/settings/limits'), { view: 'settings', section: 'limits' })
  assert.deepEqual(routeOf('#/settings/<b>'), { view: 'settings' })
  for (const strange of ['', '#', '#/nothing', '#/__proto__']) assert.deepEqual(routeOf(strange), { view: 'overview' })
  assert.equal(entryOf(routeOf(`#/swarms/${hash}`)), 'swarms')
})

test('the reason for a missing history is explained once', () => {
  assert.match(
    historyErrorText({ status: 404, message: 'no history is kept here: `history` is off' }),
    /^No history is kept here, .* live charts/
  )
  assert.equal(historyErrorText({ status: 503, message: 'look at `history`' }), 'No history: Look at history.')
})

test('unknown values sort last in both orders', () => {
  const rows = [{ v: 2 }, { v: null }, { v: 10 }, { v: NaN }, { v: 1 }]
  assert.deepEqual(
    sorted(rows, row => row.v, 'asc')
      .slice(0, 3)
      .map(row => row.v),
    [1, 2, 10]
  )
  assert.deepEqual(
    sorted(rows, row => row.v, 'desc')
      .slice(0, 3)
      .map(row => row.v),
    [10, 2, 1]
  )
  assert.deepEqual(
    sorted(['b10', 'B2', 'a'], row => row, 'asc'),
    ['a', 'B2', 'b10']
  )
})

test('rows match all words, in any case', () => {
  const rows = ['WebTorrent 3.0', 'libtorrent 2.1']
  assert.deepEqual(
    filtered(rows, 'TORRENT 3', row => [row]),
    ['WebTorrent 3.0']
  )
  assert.deepEqual(
    filtered(rows, '  ', row => [row]),
    rows
  )
})

test('an offset selects its page, or the last one', () => {
  assert.equal(pageStart(70, 120, 50), 50)
  assert.equal(pageStart(500, 120, 50), 100)
  assert.equal(pageStart(50, 0, 50), 0)
  assert.equal(pageText(50, 50, 20_000), '51 to 100 of 20,000')
  assert.equal(pageText(0, 0, 0), 'none')
})

test('the age of the numbers is described', () => {
  assert.equal(feedText({ mode: 'live', reason: '' }, 1), 'live')
  assert.equal(feedText({ mode: 'live', reason: '' }, 9), 'live, updated 9 s ago')
  assert.match(feedText({ mode: 'down', reason: '' }, 75), /no connection, updated 1 min 15 s ago/)
  assert.equal(feedText({ mode: 'closed', reason: '' }, null), 'not public')
})

test('a notice explains a failed feed and what happens next', () => {
  assert.equal(feedNotice({ mode: 'live', reason: '' }, 1, false), null)
  assert.equal(feedNotice({ mode: 'connecting', reason: '' }, null, false), null)
  assert.match(feedNotice({ mode: 'live', reason: '' }, 12, false)?.title ?? '', /No new numbers/)
  assert.match(feedNotice({ mode: 'down', reason: '' }, 12, false)?.text ?? '', /from 12 s ago.*tries again/)
  assert.match(
    feedNotice({ mode: 'polling', reason: 'It says: full' }, 1, false)?.text ?? '',
    /It says: full.*every two seconds/
  )
  const closed = feedNotice({ mode: 'closed', reason: '' }, null, false)
  assert.match(closed?.text ?? '', /public_stats = false/)
  assert.equal(closed?.action?.id, 'sign-in')
  assert.equal(feedNotice({ mode: 'closed', reason: '' }, null, true)?.action, undefined)
  assert.equal(phaseNotice('serving'), null)
  assert.match(phaseNotice('quiet')?.title ?? '', /draining/)
})

test('a failed sign-in is explained', () => {
  const failed = (status, more = {}) => signInErrorText({ status, message: 'x', errors: [], retryAfter: null, ...more })
  // A reload reaches the file only: no environment and no flags of a server that runs.
  assert.match(
    failed(404),
    /admin API is off.*admin_token .*16.* in the configuration file and reload .*, or start the server with SWARMHUB_ADMIN_TOKEN or --admin-token-file\.$/
  )
  assert.match(failed(401), /not the admin token/)
  assert.match(failed(429, { retryAfter: 30 }), /in 30 s/)
  assert.match(failed(0), /does not answer/)
  assert.match(errorText({ status: 401 }), /no longer signed in/)
  assert.equal(errorText({ status: 400, message: 'the key is unknown' }), 'The key is unknown.')
  assert.equal(sentence(''), '')
})

const one = (key, kind, plain, more = {}) => ({
  key,
  section: key.includes('.') ? key.split('.')[0] : null,
  kind,
  many: Array.isArray(plain),
  choices: [],
  other_values: true,
  plain,
  default_plain: plain,
  value: plain === null ? null : JSON.stringify(plain),
  default: plain === null ? null : JSON.stringify(plain),
  is_default: true,
  doc: '',
  bounds: '',
  live: true,
  takes: 'live',
  secret: false,
  changed: false,
  ...more
})
const settings = [
  one('interval', 'seconds', 30, { default: null, default_plain: null, bounds: '1 to 3600' }),
  one('origin', 'text', ['https://a.example']),
  one('origin_denied', 'text', []),
  one('no_limits', 'switch', false),
  one('log_level', 'text', 'info'),
  one('limits.swarms_max', 'number', 10, { bounds: '1 to 1000000' }),
  one('limits.bytes_burst', 'bytes', 65_536, { bounds: '65536 to 4294967295' }),
  one('workers', 'number', 0, { live: false }),
  one('admin_token', 'text', null, { secret: true, value: '"***"' })
]
const written = texts => changesOf(settings, key => texts[key])

test('only changed settings are sent; an empty one is the default', () => {
  const { changes, errors } = written({
    interval: '',
    origin: 'https://a.example\n https://b.example \n',
    origin_denied: '',
    no_limits: 'true',
    log_level: 'info',
    'limits.swarms_max': ' 2,000 ',
    'limits.bytes_burst': '1 MiB',
    workers: '4',
    admin_token: 'x'
  })
  assert.deepEqual([...errors], [])
  assert.deepEqual(Object.fromEntries([...changes].map(([key, { toml }]) => [key, toml])), {
    interval: null,
    origin: '["https://a.example", "https://b.example"]',
    no_limits: 'true',
    'limits.swarms_max': '2000',
    'limits.bytes_burst': '1048576'
  })
  assert.deepEqual(changeTexts(settings, changes), [
    'interval: 30 s → not set',
    'origin: https://a.example → https://a.example, https://b.example',
    'no_limits: off → on',
    'limits.swarms_max: 10 → 2,000',
    'limits.bytes_burst: 64 KiB → 1 MiB'
  ])
})

test('an equal value in another spelling is no change', () => {
  assert.equal(written({ interval: '0.5 min', 'limits.bytes_burst': '65536' }).changes.size, 0)
  assert.equal(written({ origin: '' }).changes.get('origin')?.toml, '[]')
})

test('invalid values are reported at their field and not sent', () => {
  const { changes, errors } = written({
    interval: 'soon',
    'limits.swarms_max': '1.5',
    'limits.bytes_burst': '1 KiB',
    log_level: 'debug'
  })
  assert.deepEqual([...changes.keys()], ['log_level'])
  assert.match(errors.get('interval') ?? '', /“soon” is not understood: write a time such as 45 s/)
  assert.match(errors.get('limits.swarms_max') ?? '', /not a whole number/)
  assert.match(
    errors.get('limits.bytes_burst') ?? '',
    /^1 KiB is out of range: it may be from 64 KiB to 4,294,967,295 B\.$/
  )
})

test('settings are grouped, and their range is described once', () => {
  assert.deepEqual(
    groupsOf(settings, [
      { name: 'limits', doc: 'd' },
      { name: 'empty', doc: 'd' }
    ]).map(({ name, settings }) => [name, settings.length]),
    [
      ['general', 7],
      ['limits', 2]
    ]
  )
  assert.equal(boundsText(settings[0]), 'From 1 s to 1 h.')
  assert.equal(
    boundsText({
      ...settings[4],
      doc: 'History of the statistics: file, memory, off or a path.',
      bounds: 'file, memory, off or a path'
    }),
    ''
  )
  assert.equal(defaultText(settings[0]), 'not set')
  assert.equal(defaultText(settings[2]), 'none')
  assert.ok(isFound({ ...settings[5], doc: 'Swarms at once.' }, 'ONCE limits'))
  assert.ok(!isFound(settings[5], 'interval'))
})

test('changes become lines of the configuration file', () => {
  const changed = settings.map(setting => ({
    ...setting,
    changed: !['workers', 'log_level', 'origin_denied'].includes(setting.key)
  }))
  changed[0] = { ...changed[0], value: null }
  assert.equal(
    changedToml(changed),
    [
      '# Above the first [section] of the file:',
      '# interval is not set: remove its line from the file.',
      'origin = ["https://a.example"]',
      'no_limits = false',
      '# admin_token is a secret and not shown.',
      '',
      '[limits]',
      'swarms_max = 10',
      'bytes_burst = 65536',
      ''
    ].join('\n')
  )
  assert.equal(changedToml(settings), '')
  assert.equal(tomlText('a"\\\u007f\n'), '"a\\"\\\\\\u007f\\n"')
})

const now = 1_790_000_000
const refusal = (kind, last, more = {}) => ({ kind, detail: '', count: 2, first: 0, last, text: 'Do this.', ...more })

test('a proxy that removes upgrades causes a notice', () => {
  assert.equal(upgradeNotice(null, now), null)
  assert.equal(
    upgradeNotice({ refusals: [refusal('origin', now), refusal('upgrade_missing', now - 4000)], since: 0 }, now),
    null
  )
  const notice = upgradeNotice(
    { refusals: [refusal('upgrade_missing', now - 20), refusal('upgrade_missing', now - 9, { text: '' })], since: 0 },
    now
  )
  assert.equal(notice?.title, 'A proxy removes WebSocket upgrades')
  assert.match(notice?.text ?? '', /^4 requests .* Do this\.$/)
  assert.equal(kindText('upgrade_missing'), 'WebSocket upgrade')
  assert.equal(kindText('address_rate'), 'address rate')
  assert.equal(kindText('constructor'), 'constructor')
})

test('only refusals of web pages are those of web sites', () => {
  const shown = [
    refusal('origin', now, { detail: 'https://a.example' }),
    refusal('origin', now, { detail: 'null' }),
    refusal('token', now, { detail: 'http://b.example:81' }),
    refusal('page', now, { detail: 'other' })
  ]
  const others = [
    refusal('token', now, { detail: 'WebSocket' }),
    refusal('page', now, { detail: 'not named' }),
    refusal('limit', now, { detail: 'https://c.example' })
  ]
  assert.deepEqual(siteRefusals([...shown, ...others]), shown)
})

test('errors are assigned to the field that they name', () => {
  const keys = settings.map(({ key }) => key)
  const { fields, rest } = errorsByField(
    ['limits.swarms_max: too small', '`origin_denied` is no list', 'something else'],
    keys
  )
  assert.deepEqual(
    [...fields],
    [
      ['limits.swarms_max', 'limits.swarms_max: too small'],
      ['origin_denied', '`origin_denied` is no list']
    ]
  )
  assert.deepEqual(rest, ['something else'])
})

const rule = {
  doc: '',
  series: 'memory',
  comparison: '>',
  threshold: 5e9,
  clear: 4e9,
  for: 60,
  keep_firing: 0,
  severity: 'warning',
  enabled: true
}
const memory = [{ name: 'memory', kind: 'gauge', unit: 'bytes', doc: '' }]

test('a rule is described; a ratio has no unit', () => {
  assert.equal(ruleText(rule, memory), 'memory is over 5.00 GB for 1 min')
  assert.equal(ruleText({ ...rule, of: 'budget', threshold: 0.9, for: 0 }, memory), 'memory / budget is over 0.9')
  assert.equal(ruleText({ ...rule, of: 'budget', threshold: 0.125, for: 0 }, memory), 'memory / budget is over 0.125')
  assert.equal(valueText(0.00086034, { ...rule, of: 'budget' }, memory), '0.00086')
  const budget = [...memory, { ...memory[0], name: 'budget' }]
  const share = { ...rule, of: 'budget', threshold: 0.125, for: 0 }
  assert.equal(ruleText(share, budget), 'memory / budget is over 12.5 %')
  assert.equal(valueText(0.00086034, share, budget), '0.086 %')
  assert.equal(valueText(3, { ...share, threshold: 2 }, budget), '3', 'more than the whole is no share')
  assert.equal(valueText(null, rule, memory), '–')
})

test('ratios are in percent, and a threshold keeps each digit', () => {
  const answered = [{ name: 'answered', kind: 'gauge', unit: 'ratio', doc: '' }]
  const low = { ...rule, series: 'answered', comparison: '<', threshold: 0.4555, for: 0 }
  assert.equal(ruleText(low, answered), 'answered is under 45.55 %')
  assert.equal(valueText(0.4, low, answered), '40 %')
  assert.ok(isInPercent(low, answered) && !isInPercent(rule, memory))
  for (const value of [0.07, 0.285, 1, 0]) assert.equal(fromPercent(toPercent(value)), value)
})

test('an edited rule shows its value and whether it would fire', () => {
  const values = { memory: 6e9, budget: 8e9, nothing: 0 }
  const now = name => values[name] ?? null
  assert.equal(readingOf(rule, now), 6e9)
  assert.equal(readingOf({ ...rule, of: 'budget' }, now), 0.75)
  for (const none of [{ of: 'nothing' }, { of: 'gone' }, { series: 'gone' }, { of: 'budget', of_min: 9e9 }])
    assert.equal(readingOf({ ...rule, ...none }, now), null)
  assert.equal(verdictText(6e9, rule), 'It would fire if this lasts for 1 min.')
  assert.equal(verdictText(6e9, { ...rule, for: 0, enabled: false }), 'It would fire now, but it is off.')
  assert.equal(verdictText(5e9, rule), 'It would not fire now.')
  assert.equal(verdictText(4e9, { ...rule, comparison: '<', for: 0 }), 'It would fire now.')
  assert.equal(verdictText(null, rule), 'Whether it would fire is not known.')
  assert.equal(verdictText(1, { ...rule, threshold: NaN }), '')
})

test('an invalid rule is reported before it is sent', () => {
  assert.deepEqual(ruleErrors('memory_high', rule), {})
  assert.deepEqual(Object.keys(ruleErrors('Not a name', { ...rule, threshold: NaN, for: -1 })), [
    'name',
    'threshold',
    'for'
  ])
  assert.match(ruleErrors('x', { ...rule, clear: 6e9 }).clear, /at most the threshold/)
  assert.match(ruleErrors('x', { ...rule, comparison: '<' }).clear, /at least the threshold/)
})

const peer = (n, seeder = false) => ({ peer_id: String(n).padStart(40, '0'), seeder })

test('the picture shows the latest introductions, up to a limit', () => {
  const peers = Array.from({ length: 100 }, (_, i) => peer(i, i % 2 === 0))
  const introductions = [50, 51, 52].map((n, i) => ({
    from: peers[n].peer_id,
    to: peers[n + 10].peer_id,
    at: i,
    answered: i === 1 ? 2 : null
  }))
  const { spots, arrows, more } = pictureOf(peers, introductions, 360)
  assert.equal(spots.length, SPOTS_MAX)
  assert.equal(more, 100 - SPOTS_MAX)
  for (const { from, to } of introductions)
    assert.ok(spots.some(({ id }) => id === from) && spots.some(({ id }) => id === to))
  assert.deepEqual(arrows.map(({ isAnswered }) => isAnswered).sort(), [false, false, true])
  assert.ok(spots.every(({ x, y }) => x > 0 && x < 360 && y > 0 && y < 360))
})

test('a pair has one arrow, and a peer that left is marked', () => {
  const [a, b] = [peer(1), peer(2)]
  const gone = peer(3).peer_id
  const offer = (from, to, answered) => ({ from, to, at: 1, answered })
  const { arrows, spots } = pictureOf(
    [a, b],
    [
      offer(a.peer_id, b.peer_id, null),
      offer(a.peer_id, b.peer_id, 2),
      offer(gone, a.peer_id, null),
      offer(a.peer_id, a.peer_id, null)
    ],
    360
  )
  assert.deepEqual(
    arrows.map(({ count, isAnswered }) => [count, isAnswered]),
    [
      [2, true],
      [1, false]
    ]
  )
  assert.deepEqual(
    spots.filter(({ hasLeft }) => hasLeft).map(({ id }) => id),
    [gone]
  )
  assert.equal(shortId(a.peer_id), '000001')
  assert.equal(pictureText([offer(a.peer_id, b.peer_id, 2)], 2), '1 introduction among 2 peers, 1 answered.')
  assert.match(pictureText([], 1), /One peer; no introductions/)
})

test('a secret is never shown or sent', () => {
  assert.equal(shownOf({ ...settings[8], plain: 'hidden' }), '')
  assert.equal(written({ admin_token: 'another-token-another' }).changes.size, 0)
})

test('missing data are not "loading" if the server is down or private', () => {
  const words = mode => absenceText({ mode, reason: '' })
  assert.equal(words('connecting'), 'Loading …')
  assert.match(words('down'), /does not answer/)
  assert.equal(words('closed'), 'Not public.')
})
