// Invented but realistic data of a tracker for the mock of its API: series, history, swarms, peers, rules.
// The same seed gives the same data, so that screenshots are comparable.

/** A small random generator (mulberry32): 0 to 1. @param {number} seed */
export function random (seed) {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** Series without history. */
const NOT_KEPT = ['stun_works', 'connections_max', 'memory_budget', 'certificate_left', 'uptime', 'delayed_address_connections_per_second', 'paused_offers_per_second', 'offers_forgotten']
const limitsOf = doc => [...doc.matchAll(/`([a-z_]+\.[a-z0-9_]+)`/g)].map(([, name]) => name)
const gauge = (name, unit, doc) => ({ name, kind: 'gauge', unit, doc, limits: [], kept: !NOT_KEPT.includes(name), public: true })
const counter = (name, doc, unit = '') => ({ name, kind: 'counter', unit, doc, limits: limitsOf(doc), kept: !NOT_KEPT.includes(name), public: true })

export const SERIES = [
  gauge('connections', '', 'Open WebSocket connections.'),
  gauge('connections_max', '', 'Maximum of open connections: the smaller of `limits.connections_max` and what the limit of open files allows.'),
  gauge('connections_ipv4', '', 'WebSocket connections over IPv4.'),
  gauge('connections_ipv6', '', 'WebSocket connections over IPv6.'),
  gauge('swarms', '', 'Swarms with at least one member.'),
  gauge('seeders', '', 'Members that have all data.'),
  gauge('leechers', '', 'Members that do not have all data.'),
  gauge('http_peers', '', 'Members that announce over HTTP.'),
  gauge('bans_in_force', '', 'Active bans.'),
  gauge('memory_resident', 'bytes', 'Resident memory of the process.'),
  gauge('memory_budget', 'bytes', 'Memory budget of the process; 0 for no limit.'),
  gauge('cpu_cores', '', 'Processor cores that this process uses; 1 is one full core.'),
  gauge('loop_lag', 'seconds', 'Largest event loop lag of a worker in the last second.'),
  gauge('handle_time_p50', 'seconds', 'Within this time half of the messages were handled, in the last minute.'),
  gauge('handle_time_p99', 'seconds', 'Within this time 99 % of the messages were handled, in the last minute.'),
  gauge('answer_time_p50', 'seconds', 'Within this time half of the answered offers were answered, in the last minute.'),
  gauge('answer_time_p99', 'seconds', 'Within this time 99 % of the answered offers were answered, in the last minute.'),
  gauge('offers_answered', 'ratio', 'Share of the offers that were answered, in the last minute.'),
  gauge('useful_offers_answered', 'ratio', 'Share of the useful offers of the last minute that were answered.'),
  gauge('offers_per_introduction', '', 'Offers relayed for each answered introduction in the last minute.'),
  gauge('joins_answered_fast', 'ratio', 'Share of the members with a first answer that had it within three seconds.'),
  gauge('introductions_failed', 'ratio', 'Estimated share of the answered introductions that led to no lasting connection.'),
  gauge('members_alone', '', 'Members that never had an answered introduction.'),
  gauge('certificate_left', 'seconds', 'Time until the first certificate expires.'),
  gauge('stun_works', '', 'Whether clients reach the STUN server: 1, or 0 while pages do not get its address; unknown if it is off.'),
  gauge('turn_allocations', '', 'Allocations of the TURN relay; unknown if it is off.'),
  gauge('uptime', 'seconds', 'Time since the process began to serve.'),
  counter('connections_opened', 'WebSocket connections opened.'),
  counter('announces', 'Announces served, without answers.'),
  counter('scrapes', 'Scrapes served.'),
  counter('offers_relayed', 'Offers relayed.'),
  counter('answers_relayed', 'Answers relayed.'),
  counter('offers_to_acquainted', 'Offers relayed to members that are acquainted with the sender.'),
  counter('offers_to_silent', 'Offers relayed to members that left at least two offers in a row unanswered.'),
  counter('passed_over_crossing', 'Members skipped as receiver because their own offer to the sender was under way.'),
  counter('bytes_received', 'Bytes received over WebSockets.', 'bytes'),
  counter('bytes_sent', 'Bytes sent over WebSockets.', 'bytes'),
  counter('stun_bindings', 'STUN requests answered.'),
  counter('bytes_relayed', 'Bytes relayed, with TURN headers.', 'bytes'),
  counter('ice_credentials', 'Responses of `/ice` with new TURN credentials.'),
  counter('refused_turn_expired', 'TURN requests refused because the credentials have expired.'),
  counter('refused_turn_credentials', 'TURN requests refused because of a wrong username or signature.'),
  counter('refused_turn_user_allocations_max', 'TURN allocations refused because of `ice.turn_user_allocations_max`.'),
  counter('http_announces', 'Announces served over HTTP.'),
  counter('http_scrapes', 'Scrapes served over HTTP.'),
  counter('upgrades_refused', 'Upgrades refused: version, key, origin, a draining server, a limit, or no room for another connection.'),
  counter('refused_address_connections_max', 'Connections refused because their address has `limits.address_connections_max` connections.'),
  counter('refused_bans', 'Connections refused because their address is banned.'),
  counter('refused_origin', 'WebSockets refused because pages of their origin may not use the tracker (`origin`, `origin_denied`).'),
  counter('delayed_address_connections_per_second', 'New WebSockets delayed because many came from their address.'),
  counter('failures_malformed', 'Messages answered with a failure because they were malformed.'),
  counter('failures_messages_per_second', 'Messages refused because the connection stayed over `limits.messages_per_second`.'),
  counter('paused_offers_per_second', 'Pauses in reading from a connection over `limits.offers_per_second`.'),
  counter('offers_forgotten', 'Pending offers removed because of `tracker.pending_offers_max`.'),
  counter('offers_dropped_output_full', 'Offers dropped because the output of their receiver was full (`connection.output_bytes_max`).')
]

/** The value of a gauge, or the rate of a counter, at a time: a daily cycle with noise. */
export function level (name, at) {
  const day = Math.sin((at / 86_400 - 0.3) * 2 * Math.PI)
  const noise = Math.sin(at / 37 + name.length) * 0.03 + Math.sin(at / 11.3 + name.length * 7) * 0.02
  const busy = 0.6 + 0.3 * day + noise
  const values = {
    connections: 100_000 * busy,
    connections_max: 200_000,
    connections_ipv4: 64_000 * busy,
    connections_ipv6: 36_000 * busy,
    swarms: 20_000 * (0.8 + 0.15 * day),
    seeders: 38_000 * busy,
    leechers: 61_000 * busy,
    http_peers: 2100 * busy,
    bans_in_force: 7,
    memory_resident: 1.9e8 + 1.1e8 * busy,
    memory_budget: 6.4e9,
    cpu_cores: 0.9 * busy,
    loop_lag: 0.0008 + 0.002 * Math.max(0, noise) * 10,
    handle_time_p50: 0.0000184,
    handle_time_p99: 0.00011 + 0.0001 * Math.abs(noise) * 10,
    answer_time_p50: 0.31 + noise,
    answer_time_p99: 2.4 + noise * 10,
    offers_answered: 0.42 + noise,
    useful_offers_answered: 0.71 + noise,
    offers_per_introduction: 2.3 + noise,
    joins_answered_fast: 0.93 + noise,
    introductions_failed: 0.06 + noise / 2,
    members_alone: 1900 * busy,
    offers_to_acquainted: 310 * busy,
    offers_to_silent: 120 * busy,
    passed_over_crossing: 480 * busy,
    certificate_left: 61 * 86_400,
    stun_works: 1,
    turn_allocations: 140 * busy,
    uptime: 86_400 * 3.4 + at % 1000,
    connections_opened: 90 * busy,
    announces: 1400 * busy,
    scrapes: 12 * busy,
    offers_relayed: 4200 * busy,
    answers_relayed: 1800 * busy,
    bytes_received: 6.1e6 * busy,
    bytes_sent: 7.9e6 * busy,
    http_announces: 35 * busy,
    stun_bindings: 21 * busy,
    bytes_relayed: 3.1e6 * busy,
    ice_credentials: 4.2 * busy,
    refused_turn_expired: 0.02 * busy,
    refused_turn_credentials: 0.004,
    refused_turn_user_allocations_max: 0.01,
    upgrades_refused: 0.9 + noise * 5,
    refused_address_connections_max: 0.2,
    refused_bans: 1.4 + noise * 12,
    refused_origin: 0.5,
    delayed_address_connections_per_second: 3 * busy,
    failures_malformed: 0.3,
    failures_messages_per_second: 2.2 + noise * 10,
    paused_offers_per_second: 5 * busy,
    offers_dropped_output_full: 0.05
  }
  return Math.max(0, values[name] ?? 0)
}

const whole = new Set(['connections', 'connections_ipv4', 'connections_ipv6', 'swarms', 'seeders', 'leechers', 'http_peers', 'members_alone', 'turn_allocations'])

/** All series at a moment, counters since `start`. */
export function sample (at, start) {
  return Object.fromEntries(SERIES.map(({ name, kind }) => {
    const value = level(name, at)
    // Grows monotonically at a varying rate.
    const counted = level(name, start) * (86_400 + at - start + 3 * Math.sin((at - start) / 9))
    return [name, kind === 'counter' ? Math.round(counted) : whole.has(name) ? Math.round(value) : value]
  }))
}

/** A response of the history: the finest level with at most 1,000 points, and a gap as of a downtime. */
export function history (names, from, to) {
  const steps = [10, 60, 600, 3600, 86_400]
  const begin = Math.max(from, to - 420 * 86_400)
  const step = steps.find(step => (to - begin) / step <= 1000) ?? 86_400
  const at = []
  for (let t = Math.ceil(begin / step) * step; t <= to; t += step) at.push(t)
  const isGap = i => i > at.length * 0.3 && i < at.length * 0.34
  const series = Object.fromEntries(names.map(name => {
    const mean = at.map((t, i) => isGap(i) ? null : level(name, t))
    return [name, { mean, min: mean.map(v => v === null ? null : v * 0.93), max: mean.map(v => v === null ? null : v * 1.09) }]
  }))
  return { step, from: begin, to, at, series }
}

const hex = (next, length) => Array.from({ length }, () => Math.floor(next() * 16).toString(16)).join('')

/** Returns `count` swarms, few large ones and many small. */
export function swarms (count) {
  const next = random(5)
  return Array.from({ length: count }, (_, i) => {
    const members = Math.max(1, Math.round(count * 0.2 / (i + 1)))
    const seeders = Math.floor(members * (0.3 + next() * 0.3))
    return { info_hash: hex(next, 40), seeders, leechers: members - seeders, http: Math.floor(members * 0.02) }
  })
}

const CLIENTS = [['WebTorrent', '2.8', '2d5757303230382d'], ['WebTorrent', '3.0', '2d5757303330302d'], ['P2P Media Loader', '2.3', '2d504d323330302d'], ['trystero', '', '7472797374'], ['libtorrent', '2.1', '2d4c54323130302d']]

/** Peers shown of one swarm. */
const PEERS_MAX = 1000
/** The reason why an address cannot be banned. */
export const EXEMPT = 'its address cannot be banned: it is exempt from limits (limits.exempt)'
/** The id of a connection. */
export const connectionName = number => number.toString(16).padStart(16, '0')

/** The sites of the file, with their connections. */
export const SITES = [['Berlin', 3, 31_204], ['Köln, Süd', 1, 812], ['Oslo', 2, 0], ['Paris', 0, 7]].map(([site, networks, connections]) => ({ site, networks, connections }))

const NO_INTRODUCTIONS = { introductions_answered: null, introductions_under_way: null, offers_missed: null, alone: null }
const acquaintances = (answered, underWay, missed, alone = null) => ({ introductions_answered: answered, introductions_under_way: underWay, offers_missed: missed, alone })
/** What peers have met. */
const ACQUAINTANCES = [
  acquaintances(4, 1, 0), acquaintances(7, 0, 0), acquaintances(0, 0, 3, 'It does not answer offers; perhaps its page is asleep.'), acquaintances(2, 2, 1),
  acquaintances(5, 0, 0), acquaintances(0, 1, 0, 'It has only just connected.'), acquaintances(3, 0, 0)
]
/** What became of introductions. */
const OUTCOMES = [
  (at, part) => ({ answered: at + 0.2 + part, progress: 'answered', crossed: false, repeated: false }),
  () => ({ answered: null, progress: 'unanswered', crossed: false, repeated: false }),
  (at, part) => ({ answered: at + 0.2 + part, progress: 'answered', crossed: true, repeated: false }),
  (at, part) => ({ answered: at + 0.2 + part, progress: 'answered', crossed: false, repeated: true }),
  () => ({ answered: null, progress: 'waiting', crossed: false, repeated: false })
]

/** The peers and introductions of one swarm. @param {{ site: string }[]} sites */
export function swarm (info, now, sites) {
  const next = random(parseInt(info.info_hash.slice(0, 7), 16))
  const total = info.seeders + info.leechers
  const peers = Array.from({ length: Math.min(total, PEERS_MAX) }, (_, i) => {
    const [name, version, prefix] = CLIENTS[Math.floor(next() * CLIENTS.length)]
    const family = next() < 0.6 ? 'ipv4' : 'ipv6'
    // HTTP peers come last and have no introductions.
    const http = i >= Math.min(total, PEERS_MAX) - info.http && i > 20
    if (http) {
      return {
        peer_id: prefix + hex(next, 40 - prefix.length), client: `${name} ${version}`.trim(), seeder: (i * 7919) % total < info.seeders, http,
        age: null, heard: next() * 600, offers: null, answers: null, family, address: family === 'ipv4' ? '203.0.113.0/24' : '2001:db8:77::/48',
        port: 6881 + i, connection: null, blocked: false, ban_refused: null, site: null, ...NO_INTRODUCTIONS
      }
    }
    return {
      peer_id: prefix + hex(next, 40 - prefix.length),
      client: `${name} ${version}`.trim(),
      seeder: (i * 7919) % total < info.seeders,
      http,
      age: 10 + next() * 9000 + now % 100,
      heard: next() * 90,
      offers: Math.floor(next() * 40),
      answers: Math.floor(next() * 20),
      family,
      address: family === 'ipv4' ? `198.51.${Math.floor(next() * 255)}.0/24` : `2001:db8:${hex(next, 4)}::/48`,
      port: null,
      connection: connectionName(i),
      blocked: false,
      ban_refused: i === 1 ? EXEMPT : null,
      site: sites[i % 5]?.site ?? null,
      ...ACQUAINTANCES[i % ACQUAINTANCES.length]
    }
  })
  const introductions = Array.from({ length: Math.min(30, total * 2) }, (_, i) => {
    const [from, to] = [Math.floor(next() * Math.min(14, peers.length)), Math.floor(next() * Math.min(18, peers.length))]
    const at = now - 58 + i * 1.9
    return { from: peers[from].peer_id, to: peers[to].peer_id, at, ...OUTCOMES[i % OUTCOMES.length](at, next()) }
  }).filter(({ from, to }) => from !== to)
  return { info_hash: info.info_hash, seeders: info.seeders, leechers: info.leechers, http: peers.filter(({ http }) => http).length, peers, peers_total: total, introductions, watched_since: now - 60 }
}

const counted = (name, version, members, http) => ({ name, version, members, websocket: members - http, http })
const COUNTED = CLIENTS.map(([name, version], i) => counted(name, version, [51_200, 9_400, 21_300, 1_240, 830][i], [0, 0, 0, 0, 790][i]))
  .concat(counted('=HYPERLINK("http://x")', '1', 3, 0), counted('unknown', '', 412, 12))

/** The client census. */
export function clients (at) {
  const sum = key => COUNTED.reduce((sum, one) => sum + one[key], 0)
  return {
    at, peers: sum('members'), seeders_only: 31_000, leechers_only: sum('members') - 33_500, both: 2500, websocket: sum('websocket'), http: sum('http'),
    families: { ipv4: 54_000, ipv6: 30_000, unix: 0 }, http_families: { ipv4: 700, ipv6: 102 }, clients: COUNTED
  }
}

export const RULES = [
  ['memory_high', 'The process is near its memory budget.', 'memory_resident', '>', 5.1e9, 4.8e9, 60, 'critical', 'ok'],
  ['loop_late', 'A worker answers late.', 'loop_lag', '>', 0.25, 0.1, 30, 'warning', 'pending'],
  ['offers_unanswered', 'Browsers do not find each other.', 'offers_answered', '<', 0.45, 0.5, 300, 'warning', 'firing'],
  ['memory_filling', 'Three quarters of the memory are used.', 'memory_resident', '>', 0.75, 0.7, 60, 'warning', 'ok', 'memory_budget'],
  ['certificate_ends', 'The certificate ends soon.', 'certificate_left', '<', 604_800, 1_209_600, 0, 'critical', 'ok']
].map(([name, doc, series, comparison, threshold, clear, wait, severity, state, of = null]) => ({
  ...ruleView({ name, doc, series, of, of_min: 0, comparison, threshold, clear, for: wait, keep_firing: 60, severity, enabled: true }),
  shipped: true, state, since: state === 'ok' ? null : 1_790_000_000, value: level(series, 1_790_000_000) / (of ? level(of, 1_790_000_000) : 1)
}))

/** The view of a rule before its first evaluation. */
export function ruleView (rule) {
  const expression = `${rule.series}${rule.of ? ` / ${rule.of}` : ''} ${rule.comparison} ${rule.threshold}`
  return { ...rule, expression, shipped: false, changed: false, state: 'ok', since: null, value: null, silenced_until: null, problem: null }
}

/** The stored rule of a view. */
export const ruleOf = ({ expression, shipped, changed, state, since, value, silenced_until, problem, ...rule }) => rule

/** The sections of the settings. */
export const SECTIONS = [['tracker', 'Announce intervals, and how much the tracker stores for peers.'], ['connection', 'Sizes and timeouts of one WebSocket connection.'], ['limits', 'Limits per connection, address, web site and process, and what happens beyond them.'], ['memory', 'How the process stays within its memory budget.']]
  .map(([name, doc]) => ({ name, doc }))

/** One setting; `byDefault` is its default value, `choices` lists its allowed words. */
function setting (key, kind, plain, doc, bounds, live, { byDefault = plain, choices = [], others = true, secret = false } = {}) {
  const toml = value => value === null ? null : Array.isArray(value) ? `[${value.map(one => JSON.stringify(one)).join(', ')}]` : JSON.stringify(value)
  return {
    key, section: key.includes('.') ? key.split('.')[0] : null, kind, many: Array.isArray(byDefault), choices, other_values: others, plain, default_plain: byDefault,
    value: toml(plain), default: toml(byDefault), is_default: toml(plain) === toml(byDefault), doc, bounds, live, takes: live ? 'live' : 'restart', secret, changed: false
  }
}

export const SETTINGS = [
  setting('listen', 'text', ['[::]:8000'], 'Listen address for tracker and pages; repeatable.', '', false),
  setting('interval', 'seconds', null, 'Usual announce interval in seconds; if unset, it follows the load.', '1 to 3600', true),
  setting('no_limits', 'switch', false, 'Disable all rate limits, for load tests and trusted networks.', '', true),
  setting('log_format', 'text', 'text', 'Format of log lines on standard error: text or json.', '', false, { choices: ['text', 'json'], others: false }),
  setting('log_level', 'text', 'info', 'Log level: off, error, warn, info, debug or trace.', '', true, { choices: ['off', 'error', 'warn', 'info', 'debug', 'trace'] }),
  setting('origin', 'text', [], 'Web site whose pages may use this tracker; repeatable.', '', true),
  setting('public_stats', 'switch', true, 'Show totals to everybody.', '', true),
  setting('history', 'text', 'memory', 'Where history is stored: file, memory, off or a path.', '', false, { byDefault: 'file', choices: ['file', 'memory', 'off'] }),
  { ...setting('admin_token', 'text', null, 'Token of the admin API; if unset, the API is off.', '16 to 256 printable ASCII characters', true, { secret: true }), value: '"***"', is_default: false },
  setting('tracker.interval_min', 'seconds', 45, 'Announce interval in seconds under low load.', '1 to 3600', true),
  setting('tracker.interval_max', 'seconds', 120, 'Announce interval in seconds under full load; in between it grows linearly.', '1 to 3600', true),
  setting('connection.message_bytes_max', 'bytes', 131_072, 'Largest received message or frame in bytes; a larger one closes the connection.', '1024 to 16777216', true),
  setting('connection.handshakes_max', 'number', 2048, 'Handshakes that one worker has under way.', '1 to 1000000', false),
  setting('limits.messages_per_second', 'number', 20, 'Sustained messages per second from one connection.', '1 to 1000000', true),
  setting('limits.messages_burst', 'number', 500, 'Burst of messages from one connection.', '1 to 1000000', true),
  setting('limits.exempt', 'text', ['unix', '127.0.0.0/8', '::1'], 'Network that is exempt from all per-address limits and bans; repeatable.', '', true),
  setting('limits.swarms_max', 'number', 500_000, 'Concurrent swarms; beyond that, new ones are refused.', '1 to 1000000000', true, { byDefault: 1_000_000 }),
  setting('memory.refuse_percent', 'percent', 85, 'Percent of the budget over which new connections and new swarms are refused.', '1 to 100', true)
]

/** The record of refusals. @param {number} now */
export const refusals = now => ({
  refusals: [
    { kind: 'upgrade_missing', detail: '198.51.100.0/24', count: 412, first: now - 7200, last: now - 20, text: 'A proxy in front takes the Upgrade header away: have it pass Upgrade and Connection on (deploy/ has examples).' },
    { kind: 'origin', detail: 'https://site.example', count: 12, first: now - 4000, last: now - 300, text: 'Pages of this web site may not use this tracker: name it in origin to allow them.' },
    { kind: 'token', detail: '', count: 3, first: now - 3000, last: now - 2000, text: 'No token, or one that is not in access.tokens_file.' }
  ],
  since: now - 9000
})
