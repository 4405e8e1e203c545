// @ts-check
// All swarms, page by page from the server, sorted and filtered there.

import { h } from '../../share/elements/dom.js'
import { watch } from '../core/watch.js'
import { card, hint, messageLine } from '../elements/parts.js'
import { Table } from '../elements/table.js'
import { formatCount } from '../lib/numbers.js'
import { addressOf } from '../lib/routes.js'

/** @typedef {{ info_hash: string, seeders: number, leechers: number, http: number }} Swarm */
/** @typedef {import('../elements/table.js').Wanted} Wanted */

const EVERY_SECONDS = 5

/** @param {import('../app.js').App} app @returns {import('../app.js').View} */
export function swarms (app) {
  const message = messageLine()
  /** @type {ReturnType<typeof watch> | null} */
  let asking = null
  /** The server finds by the beginning of the info-hash, in hexadecimal digits. */
  const prefixOf = (/** @type {Wanted} */ { filter }) => filter.toLowerCase()
  const table = swarmTable(() => asking?.now())

  async function ask () {
    const wanted = table.wanted
    const prefix = prefixOf(wanted)
    if (!/^[0-9a-f]{0,40}$/.test(prefix)) {
      message.failed('Info-hashes are written with 0 to 9 and a to f, up to 40 of them.')
      table.setPage([], 0, 0)
      return
    }
    const query = new URLSearchParams({ sort: wanted.by, order: wanted.order, filter: prefix, offset: String(wanted.offset), limit: String(wanted.limit) })
    try {
      const { total, swarms } = await app.api.get(`swarms?${query}`)
      message.clear()
      const now = table.wanted
      // Something else was asked for meanwhile.
      if (now.filter !== wanted.filter || now.by !== wanted.by || now.order !== wanted.order) return
      // The page that was looked at is gone: to the last one.
      if (swarms.length === 0 && wanted.offset > 0 && total > 0) table.setPage([], total, Math.floor((total - 1) / wanted.limit) * wanted.limit)
      else table.setPage(swarms, total, wanted.offset)
    } catch (error) {
      message.failed(error)
      table.fail()
    }
  }
  return {
    element: h('div', { class: 'view' }, h('h1', { tabindex: -1 }, 'Swarms'),
      card('All swarms', hint('The largest first. Open one to see its peers, and who was introduced to whom.'), message.element, table.element)),
    open () { asking = watch(EVERY_SECONDS, ask) },
    close () { asking?.end() }
  }
}

/** @param {() => void} ask */
const swarmTable = ask => new Table(/** @type {import('../elements/table.js').Options<Swarm>} */ ({
  name: 'Swarms',
  key: row => row.info_hash,
  sort: { by: 'members', order: 'desc' },
  empty: 'There are no swarms now.',
  filter: 'Find by the beginning of the info-hash',
  ask,
  columns: [
    { key: 'info_hash', label: 'Info-hash', value: row => row.info_hash, make: row => h('a', { href: addressOf('swarms', row.info_hash) }, row.info_hash), look: 'code' },
    { key: 'members', label: 'Peers', value: row => row.seeders + row.leechers, text: row => formatCount(row.seeders + row.leechers), look: 'number' },
    { key: 'seeders', label: 'Seeders', value: row => row.seeders, text: row => formatCount(row.seeders), look: 'number' },
    { key: 'leechers', label: 'Leechers', value: row => row.leechers, text: row => formatCount(row.leechers), look: 'number' },
    { key: 'http', label: 'Over HTTP', value: row => row.http, text: row => formatCount(row.http), look: 'number', fixed: true }
  ]
}))
