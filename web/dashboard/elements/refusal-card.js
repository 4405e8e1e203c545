// @ts-check
// The card that shows who was refused, how often, when last, and what that means.

import { setText } from '../../share/elements/dom.js'
import { formatCount } from '../lib/numbers.js'
import { kindWords } from '../lib/refusals.js'
import { formatMoment } from '../lib/times.js'
import { card, hint, messageLine } from './parts.js'
import { Table } from './table.js'

/** @typedef {import('../lib/refusals.js').Refusal} Refusal */
/** @typedef {import('../lib/refusals.js').Refusals} Refusals */

const UNKNOWN = 'Nothing is known of refusals: this server does not tell of them.'

/** @param {import('../app.js').App} app */
export function refusalCard (app) {
  const trouble = messageLine()
  const since = hint('')
  const table = refusalTable()
  return {
    element: card('Refused', hint('Connections and requests that were refused, the newest first: of a web site, for want of a token, because of a proxy, and so on.'), since, trouble.element, table.element),
    async ask () {
      try {
        const answer = /** @type {Refusals} */ (await app.api.get('refusals'))
        table.setRows(answer.refusals)
        setText(since, `Counted since ${formatMoment(answer.since)}.`)
        trouble.clear()
      } catch (error) {
        // A server that is older than this page.
        if (/** @type {import('../core/api.js').ApiError} */ (error).status === 404) return table.fail(UNKNOWN)
        trouble.failed(error)
        table.fail()
      }
    }
  }
}

const refusalTable = () => new Table(/** @type {import('./table.js').Options<Refusal>} */ ({
  name: 'Refused',
  key: one => `${one.kind} ${one.detail}`,
  sort: { by: 'last', order: 'desc' },
  empty: 'Nobody was refused.',
  filter: 'Find a refusal',
  columns: [
    { key: 'kind', label: 'What', value: one => kindWords(one.kind) },
    { key: 'detail', label: 'Who', value: one => one.detail, text: one => one.detail || '–', look: 'wide' },
    { key: 'count', label: 'Times', value: one => one.count, text: one => formatCount(one.count), look: 'number' },
    { key: 'last', label: 'Last', value: one => one.last, text: one => formatMoment(one.last) },
    { key: 'text', label: 'What it means', value: one => one.text, text: one => one.text || '–', look: 'wide' }
  ]
}))
