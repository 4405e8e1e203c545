// @ts-check
// The key numbers on top: what one looks at first.

import { h, setText } from '../../share/elements/dom.js'
import { UNKNOWN, formatCount, formatRatio, formatValue } from '../lib/numbers.js'
import { formatBytes } from '../../share/lib/format.js'
import { addressOf } from '../lib/routes.js'

export class Tiles {
  element = h('dl', { class: 'tiles' })
  #app
  /** @type {Map<string, { box: HTMLElement, value: HTMLElement, more: HTMLElement }>} */
  #tiles = new Map()

  /** @param {import('../app.js').App} app */
  constructor (app) {
    this.#app = app
    this.update()
    this.setAlerts(null)
  }

  update () {
    const app = this.#app
    const max = app.value('connections_max')
    this.#tile('Connections', formatCount(app.value('connections')), max ? `of ${formatCount(max)}` : '')
    this.#tile('Swarms', formatCount(app.value('swarms')))
    const [seeders, leechers] = [app.value('seeders'), app.value('leechers')]
    const [http, httpAnnounces] = [app.value('http_peers'), app.recent.now('http_announces')]
    const overHttp = http ? `, ${formatCount(http)} come over HTTP` : ''
    this.#tile('Peers', seeders === null || leechers === null ? UNKNOWN : formatCount(seeders + leechers), seeders === null ? '' : `${formatCount(seeders)} of them seed${overHttp}`)
    const announces = (/** @type {number | null} */ value) => formatValue(value, { kind: 'counter', unit: '' })
    this.#tile('Announces', announces(app.recent.now('announces')), httpAnnounces ? `and ${announces(httpAnnounces)} over HTTP` : '')
    const answered = app.value('offers_answered')
    this.#tile('Offers answered', formatRatio(answered), 'in the last minute').box.hidden = !app.series.some(({ name }) => name === 'offers_answered')
    const [memory, budget] = [app.value('memory_resident'), app.value('memory_budget')]
    this.#tile('Memory', memory === null ? UNKNOWN : formatBytes(memory), budget ? `of ${formatBytes(budget)}` : '')
  }

  /** @param {{ firing: number, pending: number, names: string[] } | null} alerts null: not known */
  setAlerts (alerts) {
    const words = !alerts ? UNKNOWN : alerts.firing ? `${alerts.firing} ${alerts.firing === 1 ? 'alert' : 'alerts'}` : 'Good'
    const more = !alerts ? 'alerts are not known' : alerts.firing ? alerts.names.slice(0, 3).join(', ') : alerts.pending ? `${alerts.pending} pending` : 'no alert fires'
    const { box } = this.#tile('Health', words, more, addressOf('alerts'))
    box.classList.toggle('bad', Boolean(alerts?.firing))
    box.classList.toggle('good', Boolean(alerts && !alerts.firing))
  }

  /** @param {string} label @param {string} text @param {string} [below] @param {string} [address] */
  #tile (label, text, below = '', address) {
    let tile = this.#tiles.get(label)
    if (!tile) {
      const value = h(address ? 'a' : 'span', address ? { href: address } : {})
      const more = h('span', { class: 'tile-more' })
      tile = { box: h('div', { class: 'tile' }, h('dt', {}, label), h('dd', {}, value, more)), value, more }
      this.#tiles.set(label, tile)
      this.element.append(tile.box)
    }
    setText(tile.value, text)
    setText(tile.more, below)
    return tile
  }
}
