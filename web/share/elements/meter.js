// @ts-check
// <swarm-meter>: the progress of a transfer: bar, percent, speeds, time left and number of peers. Screen readers get the
// value from the bar; it is no live region.

import { define, h, icon, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { formatBytes, formatDuration, formatPercent, formatSpeed, tn } from '../../common/format.js'
import { t } from '../../common/words.js'

/** @typedef {import('../core/transfer.js').Snapshot} Snapshot */

const LABELS = {
  down: () => t('Down'),
  up: () => t('Up'),
  left: () => t('Time left'),
  sent: () => t('Sent'),
  connected: () => t('Connected')
}

export class SwarmMeter extends SwarmElement {
  #bar = h('progress', { part: 'progress', max: 1, value: 0, 'aria-label': () => t('Progress of all files') })
  #percent = h('span', { class: 'meter-percent' })
  #amount = h('span', { class: 'meter-amount' })
  #row = h('div', { class: 'meter-head' }, this.#percent, this.#amount)
  #facts = h('dl', { class: 'facts' })
  /** @type {Map<string, { box: HTMLElement, value: HTMLElement }>} */
  #values = new Map()

  /** @override */
  build() {
    this.append(this.#row, this.#bar, this.#facts)
  }

  /** @param {Snapshot} now */
  update(now) {
    const fraction =
      now.phase === 'hashing'
        ? now.hashed / (now.size || 1)
        : now.size
          ? now.have / now.size
          : now.phase === 'done'
            ? 1
            : 0
    this.#row.hidden = this.#bar.hidden = now.phase === 'sharing'
    this.#bar.value = fraction
    setText(this.#percent, formatPercent(fraction))
    const done = formatBytes(now.phase === 'hashing' ? now.hashed : now.have)
    setText(this.#amount, t('{done} of {size}', { done, size: formatBytes(now.size) }))
    const moving = now.phase !== 'hashing'
    this.#fact('down', 'arrowDown', now.phase === 'downloading' ? formatSpeed(now.down) : null)
    this.#fact('up', 'arrowUp', moving ? formatSpeed(now.up) : null)
    this.#fact('left', 'clock', now.phase === 'downloading' ? formatDuration(now.secondsLeft) : null)
    this.#fact('sent', 'share', now.phase === 'sharing' || now.phase === 'done' ? formatBytes(now.sent) : null)
    this.#fact('connected', 'people', moving ? tn(now.peers.length, '{n} peer', '{n} peers') : null)
  }

  /** @param {keyof LABELS} name @param {string} picture @param {string | null} text null: not shown */
  #fact(name, picture, text) {
    let fact = this.#values.get(name)
    if (!fact) {
      const value = h('dd')
      fact = { box: h('div', { class: 'fact' }, h('dt', {}, icon(picture), LABELS[name]), value), value }
      this.#values.set(name, fact)
      this.#facts.append(fact.box)
    }
    fact.box.hidden = text === null
    if (text !== null) setText(fact.value, text)
  }
}

define('swarm-meter', SwarmMeter)
