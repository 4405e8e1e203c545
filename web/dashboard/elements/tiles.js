// @ts-check
// <dashboard-tiles>: the key numbers at the top of the overview.

import { define, h, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { formatBytes } from '../../common/format.js'
import { formatCount, formatRatio, formatValue, UNKNOWN } from '../lib/numbers.js'
import { addressOf } from '../lib/routes.js'

/** @typedef {import('../../types/api-client').Schemas['AlertSummary']} AlertSummary */

/** An underscore that allows a line break after it. */
const BREAKABLE_UNDERSCORE = '_\u200b'

export class Tiles extends SwarmElement {
  #app
  #list = h('dl', { class: 'tiles' })
  /** By label. @type {Map<string, { box: HTMLElement, value: HTMLElement, more: HTMLElement }>} */
  #tiles = new Map()

  /** @param {import('../app.js').App} app */
  constructor(app) {
    super()
    this.#app = app
    this.update()
    // Hidden until the server answers whether it shows alerts.
    this.updateHealth(null, false)
  }

  /** @override */
  build() {
    this.append(this.#list)
  }

  update() {
    const app = this.#app
    const max = app.value('connections_max')
    this.#number(
      'Connections',
      'connections',
      formatCount(app.value('connections')),
      max ? `of ${formatCount(max)}` : ''
    )
    this.#number('Swarms', 'swarms', formatCount(app.value('swarms')))
    const [seeders, leechers] = [app.value('seeders'), app.value('leechers')]
    const [http, httpAnnounces] = [app.value('http_peers'), app.recent.now('http_announces')]
    const overHttp = http ? `, ${formatCount(http)} over HTTP` : ''
    this.#number(
      'Peers',
      'seeders',
      seeders === null || leechers === null ? UNKNOWN : formatCount(seeders + leechers),
      seeders === null ? '' : `${formatCount(seeders)} seeders${overHttp}`
    )
    const rate = (/** @type {number | null} */ value) => formatValue(value, { kind: 'counter', unit: '' })
    this.#number(
      'Announces',
      'announces',
      rate(app.recent.now('announces')),
      httpAnnounces ? `and ${rate(httpAnnounces)} over HTTP` : ''
    )
    this.#number('Offers answered', 'offers_answered', formatRatio(app.value('offers_answered')), 'in the last minute')
    const [memory, budget] = [app.value('memory_resident'), app.value('memory_budget')]
    this.#number(
      'Memory',
      'memory_resident',
      memory === null ? UNKNOWN : formatBytes(memory),
      budget ? `of ${formatBytes(budget)}` : ''
    )
  }

  /** @param {AlertSummary | null} alerts null: unknown @param {boolean} [isVisible] false: the server requires the token */
  updateHealth(alerts, isVisible = true) {
    const { text, more } = healthTexts(alerts)
    const { box } = this.#tile('Health', text, more, addressOf('alerts'))
    const severity = alerts?.firing ? (alerts.severity ?? 'critical') : ''
    box.hidden = !isVisible
    box.classList.toggle('bad', severity === 'critical')
    box.classList.toggle('warn', severity === 'warning')
    box.classList.toggle('info', severity === 'info')
    box.classList.toggle('good', Boolean(alerts && !alerts.firing))
  }

  /** Hides the tile if the server withholds its series. @param {string} label @param {string} series @param {string} text @param {string} [below] */
  #number(label, series, text, below) {
    const { stats } = this.#app
    this.#tile(label, text, below).box.hidden = stats !== null && !(series in stats.series)
  }

  /** @param {string} label @param {string} text @param {string} [below] @param {string} [address] */
  #tile(label, text, below = '', address) {
    let tile = this.#tiles.get(label)
    if (!tile) {
      const value = h(address ? 'a' : 'span', address ? { href: address } : {})
      const more = h('span', { class: 'tile-more' })
      tile = { box: h('div', { class: 'tile' }, h('dt', {}, label), h('dd', {}, value, more)), value, more }
      this.#tiles.set(label, tile)
      this.#list.append(tile.box)
    }
    setText(tile.value, text)
    setText(tile.more, below)
    return tile
  }
}

/** @param {AlertSummary | null} alerts */
function healthTexts(alerts) {
  if (!alerts) return { text: UNKNOWN, more: 'alerts are not known' }
  const { firing, pending, names } = alerts
  if (firing) {
    const more = names.slice(0, 3).join(', ').replaceAll('_', BREAKABLE_UNDERSCORE)
    return { text: `${firing} ${firing === 1 ? 'alert' : 'alerts'}`, more }
  }
  return { text: 'Good', more: pending ? `${pending} pending` : 'no alert fires' }
}

define('dashboard-tiles', Tiles)
