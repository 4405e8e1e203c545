// @ts-check
// One swarm, live: its peers as a table, and who was introduced to whom as a picture and as a table.

import { button, h, setText } from '../../share/elements/dom.js'
import { watch } from '../core/watch.js'
import { IntroductionPicture } from '../elements/introduction-picture.js'
import { openBan, openKick } from '../elements/connection-forms.js'
import { actionLine, card, hint, messageLine } from '../elements/parts.js'
import { Table } from '../elements/table.js'
import { formatCount, formatSeconds } from '../lib/numbers.js'
import { shortId } from '../lib/picture.js'
import { addressOf } from '../lib/routes.js'
import { formatMoment } from '../lib/times.js'

/**
 * @typedef {{ peer_id: string, client: string | null, seeder: boolean, http?: boolean, age: number | null, heard: number, offers: number | null,
 *   answers: number | null, family: string, address: string | null, port?: number | null, connection: string | null, blocked: boolean, ban_refused?: string | null }} Peer
 * @typedef {import('../lib/picture.js').Introduction} Introduction
 */

const EVERY_SECONDS = 2

/** @param {import('../app.js').App} app @param {string} hash @returns {import('../app.js').View} */
export function swarm (app, hash) {
  const message = messageLine()
  const done = actionLine()
  const facts = h('p', { class: 'sub' })
  const more = hint('')
  const picture = new IntroductionPicture()
  /** @param {string} text */
  const acted = text => {
    done.done(text)
    asking?.now()
  }
  const peers = peerTable({ kick: peer => openKick(app, named(peer), acted), ban: peer => openBan(app, named(peer), acted) })
  const introductions = introductionTable()
  const introduced = h('div', { class: 'two' },
    card('Who was introduced to whom', picture.element),
    card('Introductions', introductions.element))
  /** @type {ReturnType<typeof watch> | null} */
  let asking = null

  async function ask () {
    try {
      const swarm = await app.api.get(`swarms/${hash}`)
      message.clear()
      setText(facts, `${formatCount(swarm.seeders)} seeders, ${formatCount(swarm.leechers)} leechers${swarm.http ? `; ${formatCount(swarm.http)} of them over HTTP` : ''}`)
      setText(more, swarm.peers_total > swarm.peers.length ? `${formatCount(swarm.peers.length)} of ${formatCount(swarm.peers_total)} peers: evenly picked, as many of each kind as the swarm has.` : '')
      peers.setRows(swarm.peers)
      introductions.setRows(swarm.introductions)
      introduced.hidden = swarm.peers.length > 0 && swarm.peers.every((/** @type {Peer} */ peer) => peer.http) && !swarm.introductions.length
      // Who announces over HTTP is never introduced to anybody.
      picture.update(swarm.peers.filter((/** @type {Peer} */ peer) => !peer.http), swarm.introductions, swarm.watched_since)
    } catch (error) {
      const { status } = /** @type {import('../core/api.js').ApiError} */ (error)
      if (status !== 404) {
        for (const table of [peers, introductions]) table.fail()
        return message.failed(error)
      }
      message.failed('Nobody is in this swarm now. It is looked for again every two seconds.')
      setText(facts, '')
      setText(more, '')
      peers.setRows([])
      introductions.setRows([])
    }
  }

  return {
    element: h('div', { class: 'view' },
      h('div', {}, h('p', {}, h('a', { href: addressOf('swarms') }, '← All swarms')), h('h1', { tabindex: -1, class: 'code' }, hash), facts, message.element),
      introduced,
      card('Peers', more, peers.element), done.element),
    open () { asking = watch(EVERY_SECONDS, ask) },
    close () { asking?.end() }
  }
}

/** Of one with a connection. @param {Peer} peer */
const named = peer => ({
  connection: peer.connection ?? '',
  name: shortId(peer.peer_id),
  about: `${peer.client || 'An unknown client'} at ${peer.address ?? peer.family}, with all the swarms that it is in.`,
  banRefused: peer.ban_refused
})

/** @param {{ kick: (peer: Peer) => void, ban: (peer: Peer) => void }} actions */
const peerTable = ({ kick, ban }) => new Table(/** @type {import('../elements/table.js').Options<Peer>} */ ({
  name: 'Peers',
  key: peer => [peer.connection, peer.address, peer.port, peer.peer_id, peer.ban_refused].join(' '),
  sort: { by: 'age', order: 'desc' },
  empty: 'There is nobody.',
  filter: 'Find a peer by client, id, role or address',
  columns: [
    { key: 'peer', label: 'Peer', value: peer => peer.peer_id, text: peer => shortId(peer.peer_id), look: 'code' },
    { key: 'client', label: 'Client', value: peer => peer.client, text: peer => peer.client || 'unknown' },
    { key: 'role', label: 'Role', value: peer => peer.seeder ? 'seeder' : 'leecher' },
    { key: 'way', label: 'By', value: peer => peer.http ? 'HTTP' : 'WebSocket' },
    { key: 'age', label: 'There for', value: peer => peer.age, text: peer => formatSeconds(peer.age === null ? null : Math.floor(peer.age)), look: 'number' },
    { key: 'heard', label: 'Heard of', value: peer => peer.heard, text: peer => `${formatSeconds(Math.floor(peer.heard))} ago`, look: 'number' },
    { key: 'offers', label: 'Offers', value: peer => peer.offers, text: peer => formatCount(peer.offers), look: 'number' },
    { key: 'answers', label: 'Answers', value: peer => peer.answers, text: peer => formatCount(peer.answers), look: 'number' },
    { key: 'address', label: 'Address', value: peer => peer.address ?? peer.family, look: 'code' },
    {
      key: 'actions',
      label: '',
      value: () => null,
      fixed: true,
      make: peer => peer.connection === null
        ? document.createTextNode('')
        : h('div', { class: 'row-actions' },
          button('Close', () => kick(peer), { kind: 'quiet', name: `Close the connection of ${shortId(peer.peer_id)}` }),
          peer.ban_refused ? null : button('Ban', () => ban(peer), { kind: 'quiet', name: `Ban the address of ${shortId(peer.peer_id)}` }))
    }
  ]
}))

const introductionTable = () => new Table(/** @type {import('../elements/table.js').Options<Introduction>} */ ({
  name: 'Introductions',
  key: one => `${one.from} ${one.to} ${one.at} ${one.answered}`,
  sort: { by: 'at', order: 'desc' },
  empty: 'Nobody was introduced since this swarm is watched.',
  columns: [
    { key: 'at', label: 'When', value: one => one.at, text: one => formatMoment(one.at).slice(11) },
    { key: 'from', label: 'Offer of', value: one => one.from, text: one => shortId(one.from), look: 'code' },
    { key: 'to', label: 'Given to', value: one => one.to, text: one => shortId(one.to), look: 'code' },
    { key: 'answered', label: 'Answered after', value: one => one.answered === null ? null : one.answered - one.at, text: one => one.answered === null ? 'not yet' : one.answered === one.at ? 'under 1 ms' : formatSeconds(one.answered - one.at), look: 'number' }
  ]
}))
