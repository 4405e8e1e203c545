// @ts-check
// <dashboard-overview>: the first view, with the key numbers, those about introductions and about connections between browsers,
// the charts and the nodes.

import { define, h } from '../../common/dom.js'
import { poll } from '../core/poll.js'
import { BrowserConnections } from '../elements/browser-connections.js'
import { Charts } from '../elements/charts.js'
import { IntroductionNumbers } from '../elements/introduction-numbers.js'
import { card } from '../elements/parts.js'
import { Table } from '../elements/table.js'
import { Tiles } from '../elements/tiles.js'
import { formatSeconds } from '../lib/numbers.js'
import { upgradeNotice } from '../lib/refusals.js'
import { absenceText } from '../lib/texts.js'
import { View } from './view.js'

/** @typedef {import('../core/api.js').ApiError} ApiError */
/** @typedef {{ id: string, version: string, phase: string, uptime: number | null }} NodeRow */

const ALERTS_SECONDS = 10
const REFUSALS_SECONDS = 10

export class OverviewView extends View {
  #tiles = new Tiles(this.app)
  #introductions = new IntroductionNumbers(this.app)
  #connections = new BrowserConnections(this.app)
  #charts = new Charts(this.app)
  #nodes = nodeTable()
  /** The series that the charts show. @type {import('../lib/numbers.js').Series[]} */
  #series = []
  /** @type {import('../lib/refusals.js').Refusals | null} */
  #refusals = null

  /** @override */
  build() {
    super.build()
    this.append(
      h('h1', { tabindex: -1, class: 'visually-hidden' }, 'Overview'),
      this.#tiles,
      h('div', { class: 'number-cards' }, this.#introductions, this.#connections),
      this.#charts,
      card('Nodes', this.#nodes)
    )
  }

  /** @override @param {AbortSignal} signal */
  start(signal) {
    poll(ALERTS_SECONDS, () => this.#loadAlerts(), signal)
    if (this.app.api.signedIn) poll(REFUSALS_SECONDS, () => this.#loadRefusals(), signal)
  }

  /** @override */
  update() {
    const { feed, series, stats } = this.app
    // Without access, a notice says so, and empty charts would add nothing.
    this.#tiles.hidden = this.#charts.hidden = feed.state.mode === 'closed'
    this.#tiles.update()
    if (series !== this.#series && series.length > 0) {
      this.#series = series
      this.#charts.setSeries(series)
      this.#connections.reload()
    }
    this.#introductions.update()
    this.#connections.update()
    this.#charts.update()
    const { node = '', version = '', phase = '' } = stats ?? {}
    if (node) this.#nodes.update([{ id: node, version, phase, uptime: this.app.value('uptime') }])
    else this.#nodes.showUnknown(absenceText(feed.state))
  }

  /** @override */
  get notices() {
    return [upgradeNotice(this.#refusals, Date.now() / 1000)]
  }

  async #loadAlerts() {
    try {
      this.#tiles.updateHealth(await this.app.api.get('alerts/summary'))
    } catch (error) {
      const { status } = /** @type {ApiError} */ (error)
      this.#tiles.updateHealth(null, status !== 401 && status !== 403)
    }
  }

  /** @returns {Promise<void | false>} */
  async #loadRefusals() {
    try {
      this.#refusals = await this.app.api.get('refusals')
    } catch (error) {
      this.#refusals = null
      // The server is older than this page: no need to ask again.
      if (/** @type {ApiError} */ (error).status === 404) return false
    }
  }
}

const nodeTable = () =>
  new Table(
    /** @type {import('../elements/table.js').Options<NodeRow>} */ ({
      name: 'Nodes',
      key: row => row.id,
      sort: { by: 'id', order: 'asc' },
      empty: 'No node has answered yet.',
      columns: [
        { key: 'id', label: 'Node', value: row => row.id, look: 'code' },
        { key: 'version', label: 'Version', value: row => row.version },
        { key: 'phase', label: 'State', value: row => row.phase },
        {
          key: 'uptime',
          label: 'Running for',
          value: row => row.uptime,
          text: row => formatSeconds(row.uptime === null ? null : Math.floor(row.uptime)),
          look: 'number'
        }
      ]
    })
  )

define('dashboard-overview', OverviewView)
