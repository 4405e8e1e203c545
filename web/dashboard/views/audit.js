// @ts-check
// <dashboard-audit>: the changes made with the admin token.

import { define, h } from '../../common/dom.js'
import { poll } from '../core/poll.js'
import { MessageLine } from '../elements/message.js'
import { card, dataWarning, hint } from '../elements/parts.js'
import { Table } from '../elements/table.js'
import { formatMoment } from '../lib/times.js'
import { View } from './view.js'

/** @typedef {import('../../types/api-client').Schemas['AuditEntry'] & { number: number }} Row `number`: 1 for the oldest entry */

const POLL_SECONDS = 10
const ENTRIES_MAX = 1000

export class AuditView extends View {
  #message = new MessageLine()
  #incomplete = dataWarning('Earlier changes cannot be read at the moment. The log shows the error.')
  #table = entryTable()

  /** @override */
  build() {
    super.build()
    this.append(
      h('h1', { tabindex: -1 }, 'Audit'),
      card(
        'Changes',
        hint('Every change made with the admin token in the last 30 days.'),
        this.#message,
        this.#incomplete,
        this.#table
      )
    )
  }

  /** @override @param {AbortSignal} signal */
  start(signal) {
    poll(POLL_SECONDS, () => this.#load(), signal)
  }

  async #load() {
    try {
      const { entries, complete } = await this.app.api.get('audit', { query: { limit: ENTRIES_MAX } })
      // Numbered from the oldest entry, so that the key of a row stays when new entries arrive.
      const number = (/** @type {number} */ i) => entries.length - i
      this.#table.update(entries.map((entry, i) => ({ ...entry, number: number(i) })))
      this.#incomplete.hidden = complete
      this.#message.clear()
    } catch (error) {
      this.#message.showError(error)
      this.#table.showUnknown()
    }
  }
}

const entryTable = () =>
  new Table(
    /** @type {import('../elements/table.js').Options<Row>} */ ({
      name: 'Audit list',
      key: entry => `${entry.at} ${entry.what} ${entry.detail} ${entry.number}`,
      sort: { by: 'at', order: 'desc' },
      empty: 'No changes yet.',
      filter: 'Find a change',
      columns: [
        { key: 'at', label: 'When', value: entry => entry.at, text: entry => formatMoment(entry.at) },
        { key: 'what', label: 'Action', value: entry => entry.what },
        { key: 'detail', label: 'Change', value: entry => entry.detail, look: 'wide' }
      ]
    })
  )

define('dashboard-audit', AuditView)
