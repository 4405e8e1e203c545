// @ts-check
// <dashboard-refusals>: the table of refused connections and requests, or only of those of web pages: what, how often, when
// last, and what to do.

import { define, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { poll } from '../core/poll.js'
import { formatCount } from '../lib/numbers.js'
import { kindText, siteRefusals } from '../lib/refusals.js'
import { formatMoment } from '../lib/times.js'
import { MessageLine } from './message.js'
import { hint } from './parts.js'
import { Table } from './table.js'

/** @typedef {import('../lib/refusals.js').Refusal} Refusal */
/** @typedef {import('../core/api.js').ApiError} ApiError */

const POLL_SECONDS = 5
const NOT_SUPPORTED = 'This server does not report refusals.'

export class RefusalTable extends SwarmElement {
  #app
  #message = new MessageLine()
  #since = hint('')
  #ofSites
  #table

  /** @param {import('../app.js').App} app @param {{ ofSites?: boolean }} [options] `ofSites`: only those of web pages */
  constructor(app, { ofSites = false } = {}) {
    super()
    this.#app = app
    this.#ofSites = ofSites
    this.#table = refusalTable(
      ofSites
        ? { name: 'Refused web sites', empty: 'No web site was refused.', detail: 'Web site' }
        : { name: 'Refused', empty: 'No refusals.', detail: 'Client' }
    )
  }

  /** @override */
  build() {
    this.append(this.#since, this.#message, this.#table)
  }

  /** @override @param {AbortSignal} signal */
  start(signal) {
    poll(POLL_SECONDS, () => this.#load(), signal)
  }

  async #load() {
    try {
      const { refusals, since } = await this.#app.api.get('refusals')
      this.#table.update(this.#ofSites ? siteRefusals(refusals) : refusals)
      setText(this.#since, `Counted since ${formatMoment(since)}.`)
      this.#message.clear()
    } catch (error) {
      // The server is older than this page.
      if (/** @type {ApiError} */ (error).status === 404) return this.#table.showUnknown(NOT_SUPPORTED)
      this.#message.showError(error)
      this.#table.showUnknown()
    }
  }
}

/** @param {{ name: string, empty: string, detail: string }} labels */
const refusalTable = ({ name, empty, detail }) =>
  new Table(
    /** @type {import('./table.js').Options<Refusal>} */ ({
      name,
      key: refusal => `${refusal.kind} ${refusal.detail}`,
      sort: { by: 'last', order: 'desc' },
      empty,
      filter: 'Find a refusal',
      columns: [
        { key: 'kind', label: 'Kind', value: refusal => kindText(refusal.kind) },
        {
          key: 'detail',
          label: detail,
          value: refusal => refusal.detail,
          text: refusal => refusal.detail || '–',
          look: 'wide'
        },
        {
          key: 'count',
          label: 'Times',
          value: refusal => refusal.count,
          text: refusal => formatCount(refusal.count),
          look: 'number'
        },
        { key: 'last', label: 'Last', value: refusal => refusal.last, text: refusal => formatMoment(refusal.last) },
        {
          key: 'text',
          label: 'Meaning',
          value: refusal => refusal.text,
          text: refusal => refusal.text || '–',
          look: 'wide'
        }
      ]
    })
  )

define('dashboard-refusals', RefusalTable)
