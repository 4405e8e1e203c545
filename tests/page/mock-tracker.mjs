// A mock of the tracker's API that serves the real files of the dashboard with the same template and the same
// Content-Security-Policy. Its responses can be changed while a page is open, so that errors can be tested.

import { createServer } from 'node:http'
import { readFile } from 'node:fs/promises'
import { extname, join, normalize } from 'node:path'
import { root } from '../support/index.mjs'
import * as numbers from './mock-numbers.mjs'

export const TOKEN = 'correct-horse-battery-staple'
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml' }
const WEB = join(root, 'web')

/** @param {{ swarms?: number }} [options] */
export async function startMock ({ swarms = 20_000 } = {}) {
  const start = Date.now() / 1000
  const state = {
    publicStats: true,
    adminOff: false,
    /** Error status of the stream in place of events. @type {number | null} */
    liveStatus: null,
    /** The stream stays open but sends nothing. */
    isSilent: false,
    isDraining: false,
    /** The stored history cannot be read. */
    isUnread: false,
    failedSignIns: 0,
    /** The received requests. @type {string[]} */
    asked: [],
    swarms: numbers.swarms(swarms),
    /** Null: `tracker.groups` is not set. @type {{ site: string, networks: number, connections: number }[] | null} */
    sites: structuredClone(numbers.SITES),
    /** The number of sites, if not all are listed. @type {number | null} */
    sitesTotal: null,
    bans: [{ key: 'a3f0c1d2e4b59687', reason: 'malformed messages', left: 341, times: 2 }, { key: '77aa01bc93de4f12', reason: 'a flood', left: 59, times: 1 }],
    hostile: [{ connection: numbers.connectionName(17), score: 61.4, age: 812.4, family: 'ipv4', address: '203.0.113.0/24', reason: 'answers nobody waits for', done: 'messages refused', open: true, at: null, ban_refused: null, site: null }],
    /** Series without history. */
    notKept: new Set(),
    /** Series that need the token. */
    notPublic: new Set(),
    /** Gauges without a value. */
    unknown: new Set(),
    /** The record of refusals; null: an older server without it. @type {any} */
    refusals: numbers.refusals(start),
    /** The history is off. */
    isForgetful: false,
    /** The address to be banned is exempt. */
    isExempt: false,
    /** There are older alerts than listed. */
    hasMore: false,
    settings: structuredClone(numbers.SETTINGS),
    undo: /** @type {any[]} */ ([]),
    audit: [{ at: start - 4000, what: 'settings', detail: 'limits.messages_burst: 400 → 500' }],
    rules: structuredClone(numbers.RULES),
    silences: /** @type {any[]} */ ([])
  }
  const streams = new Set()
  const context = { state, streams, start, note: (what, detail) => state.audit.unshift({ at: Date.now() / 1000, what, detail }) }
  const server = createServer((request, response) => answer(context, request, response).catch(error => response.destroy(error)))
  let port = 0
  const listen = () => new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  await listen()
  port = server.address().port
  const stop = async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
  return { url: `http://127.0.0.1:${port}/`, page: `http://127.0.0.1:${port}/dashboard`, state, streams, stop, restart: listen }
}

async function answer (context, request, response) {
  const url = new URL(request.url, 'http://localhost')
  const { pathname } = url
  if (pathname === '/dashboard') return page(response)
  if (pathname.startsWith('/assets/dev/')) return asset(pathname.slice('/assets/dev/'.length), response)
  if (pathname.startsWith('/api/v1/')) return api(context, pathname.slice('/api/v1/'.length), url.searchParams, request, response)
  send(response, 404, { error: 'nothing here' })
}

async function page (response) {
  const text = (await readFile(join(WEB, 'dashboard/index.html'), 'utf8')).replaceAll('{{assets}}', '/assets/dev')
  response.writeHead(200, {
    'content-type': TYPES['.html'],
    'content-security-policy': "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
  }).end(text)
}

async function asset (path, response) {
  const file = normalize(join(WEB, path))
  const text = file.startsWith(WEB) && await readFile(file).catch(() => null)
  if (!text) return send(response, 404, { error: 'no such file' })
  response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' }).end(text)
}

function send (response, status, value, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers }).end(JSON.stringify(value))
}

const PUBLIC = ['stats', 'series', 'history', 'live', 'clients', 'alerts/summary']

async function api (context, path, query, request, response) {
  const { state } = context
  state.asked.push(`${request.method} ${path}`)
  const given = request.headers.authorization
  const isAdmin = given === `Bearer ${TOKEN}` && !state.adminOff
  if (PUBLIC.includes(path)) {
    if (!state.publicStats && !isAdmin) return send(response, given ? 401 : 403, { error: 'the statistics of this tracker are not public' })
    if (path === 'live') return live(context, response, isAdmin)
  } else {
    if (state.adminOff) return send(response, 404, { error: 'the admin API is off: set admin_token' })
    if (!isAdmin && ++state.failedSignIns > 5) return send(response, 429, { error: 'too many attempts' }, { 'retry-after': '30' })
    if (!isAdmin) return send(response, 401, { error: 'invalid admin token' })
  }
  let body = ''
  for await (const part of request) body += part
  const handler = Object.entries(HANDLERS).find(([pattern]) => match(pattern, `${request.method} ${path}`))
  if (!handler) return send(response, 404, { error: `there is no ${path}` })
  const { status = 200, ...value } = handler[1](context, { isAdmin, query, words: path.split('/').map(decodeURIComponent), body: body ? JSON.parse(body) : null })
  send(response, status, 'list' in value ? value.list : value)
}

/** `*` matches one part of the path. */
const match = (pattern, path) => new RegExp(`^${pattern.replaceAll('*', '[^/]+')}$`).test(path)

const isVisible = ({ state }, isAdmin) => name => isAdmin || !state.notPublic.has(name)

const stats = (context, isAdmin) => {
  const { state, start } = context
  const at = Math.floor(Date.now() / 1000)
  const series = Object.entries(numbers.sample(at, start))
    .filter(([name]) => isVisible(context, isAdmin)(name))
    .map(([name, value]) => [name, state.unknown.has(name) ? null : value])
  return { at, node: '5f6a2c1e-8f0b-4a57-9a53-0c3d5b8a7e11', version: '0.1.0', phase: state.isDraining ? 'draining' : 'serving', series: Object.fromEntries(series) }
}

function live (context, response, isAdmin) {
  const { state, streams } = context
  if (state.liveStatus) return send(response, state.liveStatus, { error: 'all subscribers together have reached limits.followers_max' })
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  response.write('retry: 2000\n\n')
  const tick = () => { if (!state.isSilent) response.write(`event: stats\ndata: ${JSON.stringify(stats(context, isAdmin))}\n\n`) }
  tick()
  const timer = setInterval(tick, 1000)
  streams.add(response)
  response.on('close', () => {
    clearInterval(timer)
    streams.delete(response)
  })
}

/** Parses a TOML value; the mock supports only values that are JSON too. */
function valueOf (text) {
  try {
    return text === null ? null : JSON.parse(text)
  } catch {
    return undefined
  }
}

const NOTE = 'valid until a restart or a reload of the configuration'

const HANDLERS = {
  'GET stats': (context, { isAdmin }) => stats(context, isAdmin),
  'GET series': (context, { isAdmin }) => ({ list: numbers.SERIES.filter(({ name }) => isVisible(context, isAdmin)(name)).map(one => ({ ...one, kept: one.kept && !context.state.notKept.has(one.name) })) }),
  'GET history': (context, { query, isAdmin }) => {
    const { state } = context
    if (state.isForgetful) return { status: 404, error: 'no history is kept here' }
    const now = Date.now() / 1000
    const from = Number(query.get('from') ?? -3600)
    const names = (query.get('series') ?? '').split(',')
    const other = names.find(name => !isVisible(context, isAdmin)(name) || state.notKept.has(name) || !numbers.SERIES.some(one => one.name === name && one.kept))
    if (other) return { status: 400, error: `series ${other} has no history; see /api/v1/series` }
    return numbers.history(names, from < 0 ? now + from : from, now)
  },
  'GET clients': () => numbers.clients(Date.now() / 1000),
  'GET alerts/summary': ({ state }) => {
    const firing = state.rules.filter(rule => rule.enabled && rule.state === 'firing')
    const severity = ['critical', 'warning', 'info'].find(one => firing.some(rule => rule.severity === one)) ?? null
    return { severity, firing: firing.length, pending: state.rules.filter(rule => rule.state === 'pending').length, names: firing.map(({ name }) => name) }
  },
  'GET session': () => ({ admin: true }),
  'GET swarms': ({ state }, { query }) => {
    const value = { members: one => one.seeders + one.leechers, seeders: one => one.seeders, leechers: one => one.leechers, info_hash: one => one.info_hash }[query.get('sort')]
    const sign = query.get('order') === 'asc' ? 1 : -1
    const found = state.swarms.filter(one => one.info_hash.startsWith(query.get('filter') ?? ''))
    const ordered = found.sort((a, b) => value(a) < value(b) ? -sign : value(a) > value(b) ? sign : 0)
    const [offset, limit] = [Number(query.get('offset')), Number(query.get('limit'))]
    return { total: ordered.length, swarms: ordered.slice(offset, offset + limit) }
  },
  'GET swarms/*': ({ state }, { words }) => {
    const found = state.swarms.find(one => one.info_hash === words[1])
    return found ? numbers.swarm(found, Date.now() / 1000, state.sites ?? []) : { status: 404, error: 'swarm not found' }
  },
  'POST connections/*/kick': ({ state, note }, { words }) => {
    state.hostile = state.hostile.filter(one => one.connection !== words[1])
    note('kick', `connection ${words[1]}`)
    return { kicked: words[1] }
  },
  'POST connections/*/ban': ({ state, note }, { words, body }) => {
    if (state.isExempt) return { status: 409, error: numbers.EXEMPT }
    const key = `00000000000000${words[1].slice(-2)}`
    state.bans = [...state.bans.filter(ban => ban.key !== key), { key, reason: 'the operator', left: body.seconds, times: 1 }]
    state.hostile = state.hostile.filter(one => one.connection !== words[1])
    note('ban', `${key} for ${body.seconds} s; connections closed: 3`)
    return { banned: key, seconds: body.seconds, closed: 3, complete: true }
  },
  'GET origins': () => ({ origins: [{ origin: 'https://video.example', connections: 40_211 }, { origin: 'https://chat.example', connections: 1_204 }, { origin: null, connections: 830 }] }),
  'GET sites': ({ state }) => ({ sites: state.sites, sites_total: state.sitesTotal ?? state.sites?.length ?? 0, connections_without_site: 4_310 }),
  'GET refusals': ({ state }) => state.refusals ?? { status: 404, error: 'there is no refusals' },
  'GET bans': ({ state }) => ({ bans: state.bans }),
  'DELETE bans/*': ({ state, note }, { words }) => {
    state.bans = state.bans.filter(ban => ban.key !== words[1])
    note('ban lifted', words[1])
    return { lifted: words[1] }
  },
  'GET hostile': ({ state }) => ({ connections: state.hostile }),
  'GET settings': ({ state }) => ({ settings: state.settings, sections: numbers.SECTIONS, can_undo: state.undo.length > 0, note: NOTE }),
  'PATCH settings': ({ state, note }, { body }) => {
    const parsed = new Map(Object.entries(body).map(([key, value]) => [key, valueOf(value)]))
    const errors = Object.entries(body).filter(([key]) => parsed.get(key) === undefined || parsed.get(key) === 13)
    if (errors.length) return { status: 400, error: 'the settings are not valid', errors: errors.map(([key, value]) => `${key}: ${value} brings bad luck`) }
    state.undo.push(structuredClone(state.settings))
    const changed = []
    for (const setting of state.settings) {
      if (!(setting.key in body)) continue
      note('settings', `${setting.key}: ${setting.value} → ${body[setting.key]}`)
      changed.push({ key: setting.key, from: setting.value, to: body[setting.key] })
      const plain = parsed.get(setting.key) ?? setting.default_plain
      const value = body[setting.key] ?? setting.default
      Object.assign(setting, { value, plain, changed: true, is_default: JSON.stringify(plain) === JSON.stringify(setting.default_plain) })
    }
    return { changed, note: NOTE }
  },
  'POST settings/undo': ({ state, note }) => {
    const now = state.settings
    state.settings = state.undo.pop()
    const changed = now.flatMap(({ key, value }, i) => value === state.settings[i].value ? [] : [{ key, from: value, to: state.settings[i].value }])
    note('settings', 'undone')
    return { changed, note: NOTE }
  },
  'POST drain': ({ state, note }) => {
    state.isDraining = true
    note('drain', 'the server leaves')
    return { status: 202, draining: true }
  },
  'GET audit': ({ state }) => ({ entries: state.audit, complete: !state.isUnread }),
  'GET alerts': ({ state }) => ({
    unread: state.isUnread,
    history_complete: !state.isUnread,
    history_more: state.hasMore,
    rules: state.rules,
    history: [{ rule: 'offers_unanswered', at: 1_790_000_000, state: 'firing', value: 0.41 }, { rule: 'loop_late', at: 1_789_990_000, state: 'resolved', value: 0.01 }],
    silences: state.silences,
    sinks: [{ kind: 'webhook', target: 'hooks.example', queued: 2, failed: 1, last_error: 'status 502', last_delivered: 1_790_000_100 }]
  }),
  'PUT alerts/rules/*': ({ state, note }, { words, body }) => {
    if (body.threshold === 13) return { status: 400, error: 'threshold: 13 brings bad luck' }
    const old = state.rules.find(rule => rule.name === words[2])
    const usual = { doc: '', of: null, of_min: 0, for: 60, keep_firing: 0, severity: 'warning', enabled: true }
    const rule = numbers.ruleOf({ name: words[2], ...usual, ...old, ...body })
    state.rules = [...state.rules.filter(one => one !== old), { ...numbers.ruleView(rule), ...old, ...rule }]
    note('alert rule', words[2])
    return rule
  },
  'DELETE alerts/rules/*': ({ state }, { words }) => {
    state.rules = state.rules.filter(rule => rule.name !== words[2])
    return { done: 'deleted' }
  },
  'POST alerts/silences': ({ state, note }, { body }) => {
    const until = Date.now() / 1000 + body.seconds
    const silence = { id: state.silences.length + 1, rule: body.rule, until, comment: body.comment ?? '' }
    state.silences.push(silence)
    for (const rule of state.rules) if (rule.name === body.rule) rule.silenced_until = until
    note('silence', `${body.rule} for ${body.seconds} s`)
    return { status: 201, ...silence }
  },
  'DELETE alerts/silences/*': ({ state }, { words }) => {
    const silence = state.silences.find(one => String(one.id) === words[2])
    state.silences = state.silences.filter(one => one !== silence)
    return { ...silence }
  },
  'POST alerts/test': () => ({ status: 202, sinks: 1 })
}
