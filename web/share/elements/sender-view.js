// @ts-check
// <swarm-sender>: the side of somebody who shares: first how far hashing is, then link, receivers and files.
// Given snapshots and the link, it draws them. Fires `transfer-stop`.

import { formatBytes, plural } from '../lib/format.js'
import { shownName } from '../lib/names.js'
import { button, define, h, setText, tell } from './dom.js'
import './file-list.js'
import './link-card.js'
import './meter.js'
import './peer-view.js'

/** @typedef {import('../core/transfer.js').Snapshot} Snapshot */

export class SwarmSender extends HTMLElement {
  #title = h('h1', { tabindex: -1 })
  #sub = h('p', { class: 'sub' })
  #meter = /** @type {import('./meter.js').SwarmMeter} */ (document.createElement('swarm-meter'))
  #link = /** @type {import('./link-card.js').SwarmLink} */ (document.createElement('swarm-link'))
  #files = /** @type {import('./file-list.js').SwarmFiles} */ (document.createElement('swarm-files'))
  #peers = /** @type {import('./peer-view.js').SwarmPeers} */ (document.createElement('swarm-peers'))
  #stop = button('Stop sharing', () => tell(this, 'transfer-stop'), { icon: 'stop', kind: 'danger', id: 'stop' })
  #linkCard = h('section', { class: 'card', 'aria-label': 'Link' }, this.#link)
  #peersCard = h('section', { class: 'card', 'aria-labelledby': 'receivers' }, h('h2', { id: 'receivers' }, 'Receivers'), this.#peers)
  #filesCard = h('section', { class: 'card', 'aria-labelledby': 'shared-files' }, h('h2', { id: 'shared-files' }, 'Files'), this.#files)

  connectedCallback () {
    if (this.firstChild) return
    this.append(
      h('section', { class: 'card head' },
        h('div', { class: 'head-line' }, h('div', { class: 'head-text' }, this.#title, this.#sub), this.#stop),
        this.#meter),
      h('div', { class: 'columns' }, h('div', { class: 'column' }, this.#linkCard, this.#filesCard), this.#peersCard))
  }

  /** @param {Snapshot} now @param {string} link empty while hashing @param {import('../lib/reach.js').Reach} reach where it works */
  update (now, link, reach) {
    const hashing = now.phase === 'hashing'
    const name = shownName(now.name)
    setText(this.#title, hashing ? `Preparing ${name}` : `Sharing ${name}`)
    setText(this.#sub, hashing
      ? 'Reading the files once, so that receivers can check every piece. Nothing is sent yet.'
      : `${plural(now.files.length, 'file')}, ${formatBytes(now.size)}. Keep this page open.`)
    setText(/** @type {Element} */ (this.#stop.lastElementChild), hashing ? 'Cancel' : 'Stop sharing')
    this.#linkCard.hidden = this.#peersCard.hidden = this.#filesCard.hidden = hashing
    this.#meter.update(now)
    if (hashing) return
    this.#link.update(link, reach)
    this.#files.update(now)
    this.#peers.update(now)
  }
}

define('swarm-sender', SwarmSender)
