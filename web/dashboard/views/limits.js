// @ts-check
// Who is refused, which limits are met, who is banned, and which connections misbehave.

import { button, h } from '../../share/elements/dom.js'
import { watch } from '../core/watch.js'
import { openBan, openKick } from '../elements/connection-forms.js'
import { actionLine, card, confirmed, hint, messageLine, needsSignIn } from '../elements/parts.js'
import { refusalCard } from '../elements/refusal-card.js'
import { Table } from '../elements/table.js'
import { hitsOf } from '../lib/hits.js'
import { formatCount, formatSeconds, formatValue } from '../lib/numbers.js'
import { absenceWords, sentence } from '../lib/texts.js'
import { formatMoment } from '../lib/times.js'

/** @typedef {ReturnType<typeof hitsOf>[number]} Hit */
/** @typedef {{ key: string, reason: string, left: number, times: number }} Ban */
/** @typedef {{ connection: string, score: number, family: string, address: string | null, reason: string, done: string, open?: boolean, at?: number | null, ban_refused?: string | null }} Hostile */

const EVERY_SECONDS = 5
/** The table of hits is drawn anew every so many samples. */
const HITS_SECONDS = 2

/** @param {import('../app.js').App} app @returns {import('../app.js').View} */
export function limits (app) {
  const [message, trouble] = [actionLine(), messageLine()]
  const hits = hitTable()
  const all = h('input', { type: 'checkbox', onchange: () => { if (app.stats) drawHits() } })
  const bans = banTable(ban => lift(ban))
  const hostile = hostileTable({ kick: one => openKick(app, named(one), done), ban: one => openBan(app, named(one), done) })
  const isAdmin = app.api.signedIn
  const refused = refusalCard(app)
  /** @type {ReturnType<typeof watch> | null} */
  let asking = null
  /** @type {ReturnType<typeof watch> | null} */
  let askingRefused = null
  let drawnAt = 0

  function drawHits () {
    drawnAt = app.stats?.at ?? 0
    const rows = hitsOf(app.series, name => app.recent.now(name), name => app.value(name))
    hits.setRows(all.checked ? rows : rows.filter(({ total }) => total !== null && total !== 0))
  }

  async function ask () {
    try {
      const [banned, misbehaving] = await Promise.all([app.api.get('bans'), app.api.get('hostile')])
      bans.setRows(banned.bans)
      hostile.setRows(misbehaving.connections)
      trouble.clear()
    } catch (error) {
      trouble.failed(error)
      for (const table of [bans, hostile]) table.fail()
    }
  }

  /** @param {string} text */
  const done = text => {
    message.done(text)
    asking?.now()
  }

  /** @param {Ban} ban */
  async function lift (ban) {
    if (!await confirmed({ title: 'Lift this ban?', text: `Whoever was banned (${ban.reason}) may connect again at once.`, action: 'Lift ban' })) return
    try {
      await app.api.send('DELETE', `bans/${encodeURIComponent(ban.key)}`)
      done('The ban is lifted.')
    } catch (error) {
      message.failed(error)
    }
  }

  return {
    element: h('div', { class: 'view' }, h('h1', { tabindex: -1 }, 'Limits'), trouble.element,
      ...isAdmin
        ? [
            refused.element,
            card('Bans in force', hint('Addresses are kept as a hash only, so nobody can be looked up here.'), bans.element),
            card('Connections that misbehave', hint('By their score, which halves with time; those that were closed for it within the last hour are among them.'), hostile.element)
          ]
        : [card('Refusals, bans and connections that misbehave', needsSignIn('They', () => app.signIn()))],
      card('Limits that were met', hint('What was refused, delayed, dropped or closed because of a limit.'),
        h('label', { class: 'check' }, all, 'Also those that were not met'), hits.element),
      message.element),
    update () {
      if (!app.stats) hits.fail(absenceWords(app.feed.state))
      if (!app.stats || app.stats.at - drawnAt < HITS_SECONDS && app.stats.at >= drawnAt) return
      drawHits()
    },
    open () {
      if (!isAdmin) return
      asking = watch(EVERY_SECONDS, ask)
      askingRefused = watch(EVERY_SECONDS, refused.ask)
    },
    close () {
      asking?.end()
      askingRefused?.end()
    }
  }
}

const hitTable = () => new Table(/** @type {import('../elements/table.js').Options<Hit>} */ ({
  name: 'Limits that were met',
  key: hit => hit.name,
  sort: { by: 'total', order: 'desc' },
  empty: 'No limit was met since the server started.',
  filter: 'Find a limit',
  columns: [
    { key: 'doc', label: 'What happened', value: hit => hit.doc, look: 'wide' },
    { key: 'now', label: 'Now', value: hit => hit.now, text: hit => formatValue(hit.now, { kind: 'counter', unit: '' }), look: 'number' },
    { key: 'total', label: 'Since the start', value: hit => hit.total, text: hit => formatCount(hit.total), look: 'number' },
    { key: 'name', label: 'Counter', value: hit => hit.name, look: 'code' }
  ]
}))

/** @param {(ban: Ban) => void} lift */
const banTable = lift => new Table(/** @type {import('../elements/table.js').Options<Ban>} */ ({
  name: 'Bans',
  key: ban => ban.key,
  sort: { by: 'left', order: 'desc' },
  empty: 'Nobody is banned.',
  filter: 'Find a ban',
  columns: [
    { key: 'key', label: 'Who (hash)', value: ban => ban.key, text: ban => ban.key.slice(0, 16), look: 'code' },
    { key: 'reason', label: 'Why', value: ban => ban.reason, look: 'wide' },
    { key: 'left', label: 'Ends in', value: ban => ban.left, text: ban => formatSeconds(Math.ceil(ban.left)), look: 'number' },
    { key: 'times', label: 'Times', value: ban => ban.times, text: ban => formatCount(ban.times), look: 'number' },
    { key: 'lift', label: '', value: () => null, fixed: true, make: ban => button('Lift', () => lift(ban), { kind: 'quiet', name: `Lift the ban of ${ban.key.slice(0, 16)}` }) }
  ]
}))

/** @param {Hostile} one */
const nameOf = one => one.address ?? one.family

/** @param {Hostile} one */
const named = one => ({ connection: one.connection, name: nameOf(one), about: sentence(`What is held against it: ${one.reason}`), banRefused: one.ban_refused })

/** @param {{ kick: (one: Hostile) => void, ban: (one: Hostile) => void }} actions */
const hostileTable = ({ kick, ban }) => new Table(/** @type {import('../elements/table.js').Options<Hostile>} */ ({
  name: 'Connections that misbehave',
  key: one => `${one.connection} ${one.open ?? true} ${one.ban_refused ?? ''}`,
  sort: { by: 'score', order: 'desc' },
  empty: 'No connection misbehaves.',
  columns: [
    { key: 'address', label: 'Address', value: nameOf, look: 'code' },
    { key: 'score', label: 'Score', value: one => one.score, text: one => formatCount(one.score), look: 'number' },
    { key: 'reason', label: 'Why', value: one => one.reason, look: 'wide' },
    { key: 'done', label: 'What is done', value: one => one.done, text: one => (one.done || 'nothing yet') + (one.at ? `, ${formatMoment(one.at)}` : '') },
    {
      key: 'actions',
      label: '',
      value: () => null,
      fixed: true,
      make: one => one.open === false
        ? h('span')
        : h('div', { class: 'row-actions' },
          button('Close', () => kick(one), { kind: 'quiet', name: `Close the connection of ${nameOf(one)}` }),
          one.ban_refused ? null : button('Ban', () => ban(one), { kind: 'quiet', name: `Ban the address of ${nameOf(one)}` }))
    }
  ]
}))
