// @ts-check
// The key numbers on top: what one looks at first.

import { h, setText } from '../../share/elements/dom.js'
import { UNKNOWN, formatCount, formatRatio, formatValue } from '../lib/numbers.js'
import { formatBytes } from '../../share/lib/format.js'
import { addressOf } from '../lib/routes.js'

/** An underscore after which a line may end. */
const BREAKABLE = '_\u200b'

export class Tiles {
  element = h('dl', { class: 'tiles' })
  #app
  /** @type {Map<string, { box: HTMLElement, value: HTMLElement, more: HTMLElement }>} */
  #tiles = new Map()

  /** @param {import('../app.js').App} app */
  constructor (app) {
    this.#app = app
    this.update()
    // Not before the server has said whether it tells of them.
    this.setAlerts(null, false)
  }

  update () {
    const app = this.#app
    const max = app.value('connections_max')
    this.#number('Connections', 'connections', formatCount(app.value('connections')), max ? `of ${formatCount(max)}` : '')
    this.#number('Swarms', 'swarms', formatCount(app.value('swarms')))
    const [seeders, leechers] = [app.value('seeders'), app.value('leechers')]
    const [http, httpAnnounces] = [app.value('http_peers'), app.recent.now('http_announces')]
    const overHttp = http ? `, ${formatCount(http)} come over HTTP` : ''
    this.#number('Peers', 'seeders', seeders === null || leechers === null ? UNKNOWN : formatCount(seeders + leechers), seeders === null ? '' : `${formatCount(seeders)} of them seed${overHttp}`)
    const announces = (/** @type {number | null} */ value) => formatValue(value, { kind: 'counter', unit: '' })
    this.#number('Announces', 'announces', announces(app.recent.now('announces')), httpAnnounces ? `and ${announces(httpAnnounces)} over HTTP` : '')
    this.#number('Offers answered', 'offers_answered', formatRatio(app.value('offers_answered')), 'in the last minute')
    const [memory, budget] = [app.value('memory_resident'), app.value('memory_budget')]
    this.#number('Memory', 'memory_resident', memory === null ? UNKNOWN : formatBytes(memory), budget ? `of ${formatBytes(budget)}` : '')
  }

  /** A number that is not shown where the server does not tell it. @param {string} label @param {string} series @param {string} text @param {string} [below] */
  #number (label, series, text, below) {
    const { stats } = this.#app
    this.#tile(label, text, below).box.hidden = stats !== null && !(series in stats.series)
  }

  /** @param {{ firing: number, pending: number, names: string[], severity?: string | null } | null} alerts null: not known @param {boolean} [isTold] false: not without the token */
  setAlerts (alerts, isTold = true) {
    const words = !alerts ? UNKNOWN : alerts.firing ? `${alerts.firing} ${alerts.firing === 1 ? 'alert' : 'alerts'}` : 'Good'
    const more = !alerts ? 'alerts are not known' : alerts.firing ? alerts.names.slice(0, 3).join(', ').replaceAll('_', BREAKABLE) : alerts.pending ? `${alerts.pending} pending` : 'no alert fires'
    const { box } = this.#tile('Health', words, more, addressOf('alerts'))
    const firing = alerts?.firing ? alerts.severity ?? 'critical' : ''
    box.hidden = !isTold
    box.classList.toggle('bad', firing === 'critical')
    box.classList.toggle('warn', firing === 'warning')
    box.classList.toggle('info', firing === 'info')
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
