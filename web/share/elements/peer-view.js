// @ts-check
// <swarm-peers>: the connected peers as a picture and as a list. The picture shows the path of each connection, the list
// the progress of each peer.

import { define, h, s, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { formatPercent, formatSpeed } from '../../common/format.js'
import { t } from '../../common/words.js'
import { earlierLink } from '../lib/adding-texts.js'
import { PATH_TEXTS } from '../lib/connection-path.js'
import { pictureText, swarmPicture } from '../lib/swarm-picture.js'

/** @typedef {import('../core/transfer.js').Snapshot} Snapshot */
/** @typedef {import('../core/peers.js').Peer} Peer */
/** @typedef {import('../lib/connection-path.js').Path} Path */

const SIZE = 200
const RING = 13
/** The paths that the key of the picture explains. @type {Path[]} */
const KEY_PATHS = ['same-network', 'direct', 'own-relay', 'other-relay']

export class SwarmPeers extends SwarmElement {
  #lines = s('g')
  #spots = s('g')
  #more = s('text', { class: 'more', x: SIZE - 4, y: SIZE - 6, 'text-anchor': 'end' })
  #picture = s(
    'svg',
    { viewBox: `0 0 ${SIZE} ${SIZE}`, class: 'swarm-picture', role: 'img' },
    s('circle', { class: 'orbit', cx: SIZE / 2, cy: SIZE / 2, r: SIZE * 0.37 }),
    this.#lines,
    this.#spots,
    s('circle', { class: 'self', cx: SIZE / 2, cy: SIZE / 2, r: 17 }),
    this.#more
  )
  #list = h('ul', { class: 'peers' })
  #empty = h('p', { class: 'hint' })
  #keys = new Map(KEY_PATHS.map(path => [path, keyOf(path)]))
  /** Screen readers get the same from the description of the picture. */
  #key = h('p', { class: 'key', 'aria-hidden': 'true' }, ...this.#keys.values())

  /** @type {Map<string, { item: HTMLElement, name: HTMLElement, bar: HTMLProgressElement, state: HTMLElement }>} */
  #rows = new Map()

  /** @override */
  build() {
    this.append(
      h('div', { class: 'peers-picture' }, this.#picture, this.#key),
      h('div', { class: 'peers-list' }, this.#empty, this.#list)
    )
  }

  /** @param {Snapshot} now */
  update({ role, peers, failed, connecting }) {
    this.#drawPicture(peers)
    this.#empty.hidden = peers.length > 0
    this.#key.hidden = peers.length === 0
    for (const [path, key] of this.#keys) key.hidden = !peers.some(peer => peer.path === path)
    const isUnopened = role === 'sender' && failed + connecting === 0
    setText(this.#empty, isUnopened ? t('Nobody has opened the link yet.') : t('Not connected to any peer yet.'))
    const present = new Set(peers.map(({ id }) => id))
    for (const [id, { item }] of this.#rows) {
      if (present.has(id)) continue
      item.remove()
      this.#rows.delete(id)
    }
    for (const peer of peers) this.#updateRow(peer, role)
  }

  /** @param {Peer} peer @param {Snapshot['role']} role */
  #updateRow(peer, role) {
    const { name, bar, state } = this.#rows.get(peer.id) ?? this.#addRow(peer.id)
    const isReceiver = role === 'sender'
    const n = peer.number
    setText(name, isReceiver ? t('Receiver {n}', { n }) : t('Peer {n}', { n }))
    const label = isReceiver ? t('Progress of receiver {n}', { n }) : t('Progress of peer {n}', { n })
    bar.setAttribute('aria-label', label)
    bar.value = peer.progress
    const percent = formatPercent(peer.progress)
    const parts = [peer.progress >= 1 ? t('has everything') : t('has {percent}', { percent }), PATH_TEXTS[peer.path]()]
    if (peer.isEarlier) parts[0] += ` ${earlierLink()}`
    if (peer.up > 0) parts.push(`↑ ${formatSpeed(peer.up)}`)
    if (peer.down > 0) parts.push(`↓ ${formatSpeed(peer.down)}`)
    setParts(state, parts)
  }

  /** @param {string} id */
  #addRow(id) {
    const name = h('span', { class: 'peer-name' })
    const bar = h('progress', { part: 'progress', max: 1, value: 0 })
    const state = h('span', { class: 'peer-state' })
    const item = h('li', { class: 'peer' }, name, bar, state)
    const row = { item, name, bar, state }
    this.#rows.set(id, row)
    this.#list.append(item)
    return row
  }

  /** @param {Peer[]} peers */
  #drawPicture(peers) {
    const { centre, spots, more } = swarmPicture(peers, SIZE)
    this.#picture.setAttribute('aria-label', pictureText(peers))
    this.#lines.replaceChildren(
      ...spots.map(({ x, y, path, width, active }) =>
        s('line', {
          x1: centre,
          y1: centre,
          x2: x,
          y2: y,
          class: `line ${path}${active ? ' active' : ''}`,
          'stroke-width': width
        })
      )
    )
    const around = 2 * Math.PI * RING
    this.#spots.replaceChildren(
      ...spots.flatMap(({ x, y, path, progress }) => [
        s('circle', { class: `spot ${path}`, cx: x, cy: y, r: RING }),
        s('circle', {
          class: 'ring',
          cx: x,
          cy: y,
          r: RING,
          transform: `rotate(-90 ${x} ${y})`,
          'stroke-dasharray': `${progress * around} ${around}`
        })
      ])
    )
    setText(this.#more, more > 0 ? `+${more}` : '')
  }
}

/** One entry of the key. @param {Path} path */
const keyOf = path =>
  h(
    'span',
    {},
    s(
      'svg',
      { class: 'key-line', viewBox: '0 0 24 4' },
      s('line', { class: `line active ${path}`, x1: 1, y1: 2, x2: 23, y2: 2, 'stroke-width': 3 })
    ),
    PATH_TEXTS[path]
  )

/** Sets a text that breaks only between its parts. @param {HTMLElement} element @param {string[]} parts */
function setParts(element, parts) {
  const text = parts.join(' · ')
  if (element.textContent === text) return
  element.replaceChildren(...parts.map((part, i) => h('span', {}, i < parts.length - 1 ? `${part} · ` : part)))
}

define('swarm-peers', SwarmPeers)
