// @ts-check
// <dashboard-limits>: refusals, bans, misbehaving connections, and the limits that were hit.

import { button, define, h } from '../../common/dom.js'
import { poll } from '../core/poll.js'
import { openBan, openKick } from '../elements/connection-forms.js'
import { MessageLine, Toast } from '../elements/message.js'
import { card, confirmed, hint, signInPrompt } from '../elements/parts.js'
import { RefusalTable } from '../elements/refusals.js'
import { Table } from '../elements/table.js'
import { hitsOf } from '../lib/hits.js'
import { formatCount, formatSeconds, formatValue } from '../lib/numbers.js'
import { absenceText, sentence } from '../lib/texts.js'
import { formatMoment } from '../lib/times.js'
import { View } from './view.js'

/** @typedef {ReturnType<typeof hitsOf>[number]} Hit */
/** @typedef {import('../../types/api-client').Schemas['BanReport']} Ban */
/** @typedef {import('../../types/api-client').Schemas['HostileConnection']} Hostile */

const POLL_SECONDS = 5
/** The table of hits is redrawn this often. */
const HITS_SECONDS = 2

export class LimitsView extends View {
  #isAdmin = this.app.api.signedIn
  #message = new MessageLine()
  #toast = new Toast()
  #bans = banTable(ban => this.#lift(ban))
  #hostile = hostileTable({
    kick: hostile => openKick(this.app, connectionOf(hostile), this.#onSuccess),
    ban: hostile => openBan(this.app, connectionOf(hostile), this.#onSuccess)
  })
  #hits = hitTable()
  #showAll = h('input', { type: 'checkbox', onchange: () => this.#drawHits() })
  /** Time of the sample that the table of hits shows. */
  #drawnAt = 0
  #reload = () => {}

  /** @override */
  build() {
    super.build()
    this.append(
      h('h1', { tabindex: -1 }, 'Limits'),
      this.#message,
      ...(this.#isAdmin ? this.#adminCards() : [this.#signInCard()]),
      card(
        'Limits that were hit',
        hint('Work that the server refused, delayed, dropped or closed because of a limit.'),
        h('label', { class: 'check' }, this.#showAll, 'Also show limits that were not hit'),
        this.#hits
      ),
      this.#toast
    )
  }

  #adminCards() {
    return [
      card(
        'Refused',
        hint(
          'Refused connections and requests, the newest first, with the reason: the web site, a missing token, a proxy, and others.'
        ),
        new RefusalTable(this.app)
      ),
      card(
        'Active bans',
        hint('The server stores only a hash of each banned address, so this list shows no addresses.'),
        this.#bans
      ),
      card(
        'Misbehaving connections',
        hint(
          'The score of a connection halves with time. Connections that were closed for their score in the last hour are included.'
        ),
        this.#hostile
      )
    ]
  }

  #signInCard() {
    const text = 'Sign in to see refusals, bans and misbehaving connections.'
    return card(
      'Refusals, bans and misbehaving connections',
      signInPrompt(text, () => this.app.signIn())
    )
  }

  /** @override @param {AbortSignal} signal */
  start(signal) {
    if (this.#isAdmin) this.#reload = poll(POLL_SECONDS, () => this.#load(), signal)
  }

  /** @override */
  update() {
    const { stats, feed } = this.app
    if (!stats) return this.#hits.showUnknown(absenceText(feed.state))
    // A clock that was set back also redraws.
    const age = stats.at - this.#drawnAt
    if (age < 0 || age >= HITS_SECONDS) this.#drawHits()
  }

  #drawHits() {
    const { stats, series, recent } = this.app
    if (!stats) return
    this.#drawnAt = stats.at
    const hits = hitsOf(
      series,
      name => recent.now(name),
      name => this.app.value(name)
    )
    this.#hits.update(this.#showAll.checked ? hits : hits.filter(({ total }) => total !== null && total !== 0))
  }

  async #load() {
    try {
      const [{ bans }, { connections }] = await Promise.all([this.app.api.get('bans'), this.app.api.get('hostile')])
      this.#bans.update(bans)
      this.#hostile.update(connections)
      this.#message.clear()
    } catch (error) {
      this.#message.showError(error)
      for (const table of [this.#bans, this.#hostile]) table.showUnknown()
    }
  }

  /** @param {string} message */
  #onSuccess = message => {
    this.#toast.showSuccess(message)
    this.#reload()
  }

  /** @param {Ban} ban */
  async #lift(ban) {
    const isConfirmed = await confirmed({
      title: 'Lift this ban?',
      text: `The banned client (${ban.reason}) can connect again at once.`,
      action: 'Lift ban'
    })
    if (!isConfirmed) return
    try {
      await this.app.api.send('delete', 'bans/{key}', { path: { key: ban.key } })
      this.#onSuccess('The ban is lifted.')
    } catch (error) {
      this.#toast.showError(error)
    }
  }
}

const hitTable = () =>
  new Table(
    /** @type {import('../elements/table.js').Options<Hit>} */ ({
      name: 'Limits that were hit',
      key: hit => hit.name,
      sort: { by: 'total', order: 'desc' },
      empty: 'No limit was hit since the server started.',
      filter: 'Find a limit',
      columns: [
        { key: 'doc', label: 'Limit', value: hit => hit.doc, look: 'wide' },
        {
          key: 'now',
          label: 'Now',
          value: hit => hit.now,
          text: hit => formatValue(hit.now, { kind: 'counter', unit: '' }),
          look: 'number'
        },
        {
          key: 'total',
          label: 'Since the start',
          value: hit => hit.total,
          text: hit => formatCount(hit.total),
          look: 'number'
        },
        { key: 'name', label: 'Counter', value: hit => hit.name, look: 'code' }
      ]
    })
  )

/** @param {(ban: Ban) => void} lift */
const banTable = lift =>
  new Table(
    /** @type {import('../elements/table.js').Options<Ban>} */ ({
      name: 'Bans',
      key: ban => ban.key,
      sort: { by: 'left', order: 'desc' },
      empty: 'No bans.',
      filter: 'Find a ban',
      columns: [
        { key: 'key', label: 'Address (hash)', value: ban => ban.key, text: ban => ban.key.slice(0, 16), look: 'code' },
        { key: 'reason', label: 'Reason', value: ban => ban.reason, look: 'wide' },
        {
          key: 'left',
          label: 'Ends in',
          value: ban => ban.left,
          text: ban => formatSeconds(Math.ceil(ban.left)),
          look: 'number'
        },
        { key: 'times', label: 'Times', value: ban => ban.times, text: ban => formatCount(ban.times), look: 'number' },
        {
          key: 'lift',
          label: '',
          value: () => null,
          fixed: true,
          make: ban =>
            button('Lift', () => lift(ban), { kind: 'quiet', name: `Lift the ban of ${ban.key.slice(0, 16)}` })
        }
      ]
    })
  )

/** @param {Hostile} hostile */
const nameOf = ({ address, family }) => address ?? family

/** The connection, for the dialogs about it. @param {Hostile} hostile */
const connectionOf = hostile => ({
  connection: hostile.connection,
  name: nameOf(hostile),
  about: sentence(`Reason of its score: ${hostile.reason}`),
  banRefused: hostile.ban_refused
})

/** @param {{ kick: (hostile: Hostile) => void, ban: (hostile: Hostile) => void }} actions */
const hostileTable = ({ kick, ban }) =>
  new Table(
    /** @type {import('../elements/table.js').Options<Hostile>} */ ({
      name: 'Misbehaving connections',
      key: one => `${one.connection} ${one.open} ${one.ban_refused ?? ''}`,
      sort: { by: 'score', order: 'desc' },
      empty: 'No misbehaving connections.',
      columns: [
        { key: 'address', label: 'Address', value: nameOf, look: 'code' },
        { key: 'site', label: 'Site', value: one => one.site, look: 'wrap', optional: true },
        { key: 'score', label: 'Score', value: one => one.score, text: one => formatCount(one.score), look: 'number' },
        { key: 'reason', label: 'Reason', value: one => one.reason, look: 'wide' },
        {
          key: 'done',
          label: 'Action',
          value: one => one.done,
          text: one => (one.done || 'nothing yet') + (one.at ? `, ${formatMoment(one.at)}` : '')
        },
        {
          key: 'actions',
          label: '',
          value: () => null,
          fixed: true,
          make: one =>
            !one.open
              ? h('span')
              : h(
                  'div',
                  { class: 'row-actions' },
                  button('Close', () => kick(one), { kind: 'quiet', name: `Close the connection of ${nameOf(one)}` }),
                  one.ban_refused
                    ? null
                    : button('Ban', () => ban(one), { kind: 'quiet', name: `Ban the address of ${nameOf(one)}` })
                )
        }
      ]
    })
  )

define('dashboard-limits', LimitsView)
