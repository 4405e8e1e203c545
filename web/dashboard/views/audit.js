// @ts-check
// What admins changed, and when.

import { h } from '../../share/elements/dom.js'
import { watch } from '../core/watch.js'
import { card, hint, messageLine } from '../elements/parts.js'
import { Table } from '../elements/table.js'
import { formatMoment } from '../lib/times.js'

/** @typedef {{ at: number, what: string, detail: string }} Entry */

const EVERY_SECONDS = 10
const ENTRIES_MAX = 1000

/** @param {import('../app.js').App} app @returns {import('../app.js').View} */
export function audit (app) {
  const message = messageLine()
  const table = new Table(/** @type {import('../elements/table.js').Options<Entry & { place: number }>} */ ({
    name: 'Audit list',
    key: entry => `${entry.at} ${entry.what} ${entry.detail} ${entry.place}`,
    sort: { by: 'at', order: 'desc' },
    empty: 'Nothing was changed yet.',
    filter: 'Find a change',
    columns: [
      { key: 'at', label: 'When', value: entry => entry.at, text: entry => formatMoment(entry.at) },
      { key: 'what', label: 'What', value: entry => entry.what },
      { key: 'detail', label: 'Change', value: entry => entry.detail, look: 'wide' }
    ]
  }))
  /** @type {ReturnType<typeof watch> | null} */
  let asking = null
  const partial = hint('What was changed before cannot be read at the moment; the log says what is wrong with the history.', { class: 'field-error', role: 'status' })
  partial.hidden = true
  async function ask () {
    try {
      const { entries, complete } = await app.api.get(`audit?limit=${ENTRIES_MAX}`)
      // From the oldest on, so that an entry keeps its place when newer ones come.
      table.setRows(entries.map((/** @type {Entry} */ entry, /** @type {number} */ i) => ({ ...entry, place: entries.length - i })))
      partial.hidden = complete !== false
      message.clear()
    } catch (error) {
      message.failed(error)
      table.fail()
    }
  }
  return {
    element: h('div', { class: 'view' }, h('h1', { tabindex: -1 }, 'Audit'),
      card('Changes', hint('Everything that was changed with the admin token. Kept for 30 days.'), message.element, partial, table.element)),
    open () { asking = watch(EVERY_SECONDS, ask) },
    close () { asking?.end() }
  }
}
