// @ts-check
// <dashboard-swarms>: all swarms. The server sorts, filters and pages them.

import { define, h } from '../../common/dom.js'
import { poll } from '../core/poll.js'
import { MessageLine } from '../elements/message.js'
import { card, hint } from '../elements/parts.js'
import { Table } from '../elements/table.js'
import { formatCount } from '../lib/numbers.js'
import { addressOf } from '../lib/routes.js'
import { View } from './view.js'

/** @typedef {import('../../types/api-client').Schemas['SwarmReport']} Swarm */
/** @typedef {import('../../types/api-client').Schemas['SwarmSort']} SwarmSort */

const POLL_SECONDS = 5
/** What the server filters by: the start of an info-hash in hexadecimal digits. */
const PREFIX = /^[0-9a-f]{0,40}$/

export class SwarmsView extends View {
  #message = new MessageLine()
  #table = swarmTable(() => this.#reload())
  #reload = () => {}

  /** @override */
  build() {
    super.build()
    this.append(
      h('h1', { tabindex: -1 }, 'Swarms'),
      card(
        'All swarms',
        hint('The largest first. Open a swarm to see its peers and their introductions.'),
        this.#message,
        this.#table
      )
    )
  }

  /** @override @param {AbortSignal} signal */
  start(signal) {
    this.#reload = poll(POLL_SECONDS, () => this.#load(), signal)
  }

  async #load() {
    const table = this.#table
    const { by, order, filter, offset, limit } = table.query
    const prefix = filter.toLowerCase()
    if (!PREFIX.test(prefix)) {
      this.#message.showError('An info-hash has up to 40 characters: 0 to 9 and a to f.')
      table.updatePage([], 0, 0)
      return
    }
    // The keys of the columns are the orders of the server.
    const query = { sort: /** @type {SwarmSort} */ (by), order, filter: prefix, offset, limit }
    try {
      const { total, swarms } = await this.app.api.get('swarms', { query })
      this.#message.clear()
      const now = table.query
      // The user has changed the query in the meantime.
      if (now.filter !== filter || now.by !== by || now.order !== order) return
      // This page no longer exists: show the last one.
      if (swarms.length === 0 && offset > 0 && total > 0)
        table.updatePage([], total, Math.floor((total - 1) / limit) * limit)
      else table.updatePage(swarms, total, offset)
    } catch (error) {
      this.#message.showError(error)
      table.showUnknown()
    }
  }
}

/** @param {() => void} request */
const swarmTable = request =>
  new Table(
    /** @type {import('../elements/table.js').Options<Swarm>} */ ({
      name: 'Swarms',
      key: row => row.info_hash,
      sort: { by: 'members', order: 'desc' },
      empty: 'There are no swarms now.',
      filter: 'Find by the beginning of the info-hash',
      request,
      columns: [
        {
          key: 'info_hash',
          label: 'Info-hash',
          value: row => row.info_hash,
          make: row => h('a', { href: addressOf('swarms', row.info_hash) }, row.info_hash),
          look: 'code'
        },
        {
          key: 'members',
          label: 'Peers',
          value: row => row.seeders + row.leechers,
          text: row => formatCount(row.seeders + row.leechers),
          look: 'number'
        },
        {
          key: 'seeders',
          label: 'Seeders',
          value: row => row.seeders,
          text: row => formatCount(row.seeders),
          look: 'number'
        },
        {
          key: 'leechers',
          label: 'Leechers',
          value: row => row.leechers,
          text: row => formatCount(row.leechers),
          look: 'number'
        },
        {
          key: 'http',
          label: 'Over HTTP',
          value: row => row.http,
          text: row => formatCount(row.http),
          look: 'number',
          fixed: true
        }
      ]
    })
  )

define('dashboard-swarms', SwarmsView)
