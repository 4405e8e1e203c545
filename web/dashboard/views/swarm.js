// @ts-check
// <dashboard-swarm>: one swarm, live: its peers as a table, its introductions as a graph and as a table, and why peers are alone.

import { button, define, h, setText } from '../../common/dom.js'
import { poll } from '../core/poll.js'
import { openBan, openKick } from '../elements/connection-forms.js'
import { IntroductionPicture } from '../elements/introduction-picture.js'
import { MessageLine, Toast } from '../elements/message.js'
import { card, hint } from '../elements/parts.js'
import { Table } from '../elements/table.js'
import { resultText } from '../lib/introductions.js'
import { formatCount, formatSeconds } from '../lib/numbers.js'
import { shortId } from '../lib/picture.js'
import { addressOf } from '../lib/routes.js'
import { formatMoment } from '../lib/times.js'
import { View } from './view.js'

/** @typedef {import('../../types/api-client').Schemas} Schemas */
/** @typedef {Schemas['PeerReport']} Peer */
/** @typedef {Schemas['IntroductionReport']} Introduction */

const POLL_SECONDS = 2

export class SwarmView extends View {
  #hash
  #message = new MessageLine()
  #toast = new Toast()
  #facts = h('p', { class: 'sub' })
  #sampleHint = hint('')
  #picture = new IntroductionPicture()
  #introductions = introductionTable()
  #introductionCards = h(
    'div',
    { class: 'two' },
    card('Introduction graph', this.#picture),
    card('Introductions', this.#introductions)
  )
  #acquaintances = acquaintanceTable()
  #acquaintanceCard = card(
    'Introductions by peer',
    hint('The tracker forgets half of the answered introductions every ten minutes.'),
    this.#acquaintances
  )
  #peers = peerTable({
    kick: peer => openKick(this.app, connectionOf(peer), this.#onSuccess),
    ban: peer => openBan(this.app, connectionOf(peer), this.#onSuccess)
  })
  #reload = () => {}

  /** @param {import('../app.js').App} app @param {string} hash */
  constructor(app, hash) {
    super(app)
    this.#hash = hash
  }

  /** @override */
  build() {
    super.build()
    this.append(
      h(
        'div',
        {},
        h('p', {}, h('a', { href: addressOf('swarms') }, '← All swarms')),
        h('h1', { tabindex: -1, class: 'code' }, this.#hash),
        this.#facts,
        this.#message
      ),
      this.#introductionCards,
      this.#acquaintanceCard,
      card('Peers', this.#sampleHint, this.#peers),
      this.#toast
    )
  }

  /** @override @param {AbortSignal} signal */
  start(signal) {
    this.#reload = poll(POLL_SECONDS, () => this.#load(), signal)
  }

  /** @param {string} message */
  #onSuccess = message => {
    this.#toast.showSuccess(message)
    this.#reload()
  }

  async #load() {
    try {
      this.#show(await this.app.api.get('swarms/{info_hash}', { path: { info_hash: this.#hash } }))
      this.#message.clear()
    } catch (error) {
      if (/** @type {import('../core/api.js').ApiError} */ (error).status === 404) return this.#showEmpty()
      this.#message.showError(error)
      for (const table of [this.#peers, this.#introductions, this.#acquaintances]) table.showUnknown()
    }
  }

  /** @param {Schemas['SwarmResponse']} swarm */
  #show({ seeders, leechers, http, peers, peers_total: total, introductions, watched_since: since }) {
    const overHttp = http ? `; ${formatCount(http)} of them over HTTP` : ''
    setText(this.#facts, `${formatCount(seeders)} seeders, ${formatCount(leechers)} leechers${overHttp}`)
    setText(
      this.#sampleHint,
      total > peers.length
        ? `${formatCount(peers.length)} of ${formatCount(total)} peers: a regular sample with the same share of seeders.`
        : ''
    )
    this.#peers.update(peers)
    this.#introductions.update(introductions)
    // Unknown over HTTP, and of all peers if the tracker introduces at random.
    const remembered = peers.filter(peer => peer.introductions_answered !== null)
    this.#acquaintances.update(remembered)
    this.#acquaintanceCard.hidden = remembered.length === 0
    // The tracker introduces no peers that announce over HTTP.
    const introducible = peers.filter(peer => !peer.http)
    this.#introductionCards.hidden = peers.length > 0 && introducible.length === 0 && introductions.length === 0
    this.#picture.update(introducible, introductions, since)
  }

  #showEmpty() {
    this.#message.showError('This swarm has no peers now. The page checks again every two seconds.')
    setText(this.#facts, '')
    setText(this.#sampleHint, '')
    this.#peers.update([])
    this.#introductions.update([])
    this.#acquaintances.update([])
  }
}

/** The connection of a peer, for the dialogs about it. @param {Peer} peer */
const connectionOf = peer => ({
  connection: peer.connection ?? '',
  name: shortId(peer.peer_id),
  about: `${peer.client || 'An unknown client'} at ${peer.address ?? peer.family}. It leaves all its swarms.`,
  banRefused: peer.ban_refused
})

/** @param {{ kick: (peer: Peer) => void, ban: (peer: Peer) => void }} actions */
const peerTable = ({ kick, ban }) =>
  new Table(
    /** @type {import('../elements/table.js').Options<Peer>} */ ({
      name: 'Peers',
      key: peer => [peer.connection, peer.address, peer.port, peer.peer_id, peer.ban_refused].join(' '),
      sort: { by: 'age', order: 'desc' },
      empty: 'No peers.',
      filter: 'Find a peer by client, id, role or address',
      columns: [
        { key: 'peer', label: 'Peer', value: peer => peer.peer_id, text: peer => shortId(peer.peer_id), look: 'code' },
        { key: 'client', label: 'Client', value: peer => peer.client, text: peer => peer.client || 'unknown' },
        { key: 'role', label: 'Role', value: peer => (peer.seeder ? 'seeder' : 'leecher') },
        { key: 'way', label: 'Over', value: peer => (peer.http ? 'HTTP' : 'WebSocket') },
        {
          key: 'age',
          label: 'Age',
          value: peer => peer.age,
          text: peer => formatSeconds(peer.age === null ? null : Math.floor(peer.age)),
          look: 'number'
        },
        {
          key: 'heard',
          label: 'Last announce',
          value: peer => peer.heard,
          text: peer => `${formatSeconds(Math.floor(peer.heard))} ago`,
          look: 'number'
        },
        {
          key: 'offers',
          label: 'Offers',
          value: peer => peer.offers,
          text: peer => formatCount(peer.offers),
          look: 'number'
        },
        {
          key: 'answers',
          label: 'Answers',
          value: peer => peer.answers,
          text: peer => formatCount(peer.answers),
          look: 'number'
        },
        { key: 'address', label: 'Address', value: peer => peer.address ?? peer.family, look: 'code' },
        { key: 'site', label: 'Site', value: peer => peer.site, look: 'wrap', optional: true },
        {
          key: 'actions',
          label: '',
          value: () => null,
          fixed: true,
          make: peer =>
            peer.connection === null
              ? document.createTextNode('')
              : h(
                  'div',
                  { class: 'row-actions' },
                  button('Close', () => kick(peer), {
                    kind: 'quiet',
                    name: `Close the connection of ${shortId(peer.peer_id)}`
                  }),
                  peer.ban_refused
                    ? null
                    : button('Ban', () => ban(peer), {
                        kind: 'quiet',
                        name: `Ban the address of ${shortId(peer.peer_id)}`
                      })
                )
        }
      ]
    })
  )

/** What each peer has met; those that are alone first. */
const acquaintanceTable = () =>
  new Table(
    /** @type {import('../elements/table.js').Options<Peer>} */ ({
      name: 'Introductions by peer',
      key: peer => `${peer.connection} ${peer.peer_id} ${peer.alone}`,
      sort: { by: 'answered', order: 'asc' },
      empty: 'No peers.',
      columns: [
        { key: 'peer', label: 'Peer', value: peer => peer.peer_id, text: peer => shortId(peer.peer_id), look: 'code' },
        { key: 'client', label: 'Client', value: peer => peer.client, text: peer => peer.client || 'unknown' },
        {
          key: 'answered',
          label: 'Answered',
          value: peer => peer.introductions_answered,
          text: peer => formatCount(peer.introductions_answered),
          look: 'number'
        },
        {
          key: 'under_way',
          label: 'Under way',
          value: peer => peer.introductions_under_way,
          text: peer => formatCount(peer.introductions_under_way),
          look: 'number'
        },
        {
          key: 'missed',
          label: 'Left unanswered in a row',
          value: peer => peer.offers_missed,
          text: peer => formatCount(peer.offers_missed),
          look: 'number'
        },
        { key: 'alone', label: 'Why alone', value: peer => peer.alone, text: peer => peer.alone ?? '', look: 'wide' }
      ]
    })
  )

const introductionTable = () =>
  new Table(
    /** @type {import('../elements/table.js').Options<Introduction>} */ ({
      name: 'Introductions',
      key: one => `${one.from} ${one.to} ${one.at} ${resultText(one)}`,
      sort: { by: 'at', order: 'desc' },
      empty: 'No introductions since this page watches the swarm.',
      columns: [
        { key: 'at', label: 'When', value: one => one.at, text: one => formatMoment(one.at).slice(11) },
        { key: 'from', label: 'Offer from', value: one => one.from, text: one => shortId(one.from), look: 'code' },
        { key: 'to', label: 'Offer to', value: one => one.to, text: one => shortId(one.to), look: 'code' },
        {
          key: 'answered',
          label: 'What happened',
          value: one => (one.answered === null ? null : one.answered - one.at),
          text: resultText,
          look: 'wide'
        }
      ]
    })
  )

define('dashboard-swarm', SwarmView)
