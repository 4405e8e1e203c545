// @ts-check
// The first view: key numbers, charts, and the nodes.

import { h } from '../../share/elements/dom.js'
import { watch } from '../core/watch.js'
import { Charts } from '../elements/charts.js'
import { card } from '../elements/parts.js'
import { Table } from '../elements/table.js'
import { Tiles } from '../elements/tiles.js'
import { formatSeconds } from '../lib/numbers.js'
import { absenceWords } from '../lib/texts.js'

/** @typedef {{ id: string, version: string, phase: string, uptime: number | null }} NodeRow */

const ALERTS_SECONDS = 10
/** The phases of a server in words. @type {Record<string, string>} */
const PHASES = { serving: 'serving', draining: 'leaving' }

/** @param {import('../app.js').App} app @returns {import('../app.js').View} */
export function overview (app) {
  const tiles = new Tiles(app)
  const charts = new Charts(app)
  const nodes = nodeTable()
  /** @type {ReturnType<typeof watch> | null} */
  let alerts = null
  let known = app.series

  const update = () => {
    tiles.update()
    if (app.series !== known) charts.setSeries(known = app.series)
    charts.update()
    const { node = '', version = '', phase = '' } = app.stats ?? {}
    if (!node) nodes.fail(absenceWords(app.feed.state))
    else nodes.setRows([{ id: node, version, phase: PHASES[phase] ?? phase, uptime: app.value('uptime') }])
  }
  if (known.length) charts.setSeries(known)
  return {
    element: h('div', { class: 'view' },
      h('h1', { tabindex: -1, class: 'visually-hidden' }, 'Overview'),
      tiles.element, charts.element, card('Nodes', nodes.element)),
    update,
    open () {
      charts.open()
      alerts = watch(ALERTS_SECONDS, async () => tiles.setAlerts(await app.api.get('alerts/summary').catch(() => null)))
    },
    close () {
      charts.close()
      alerts?.end()
    }
  }
}

const nodeTable = () => new Table(/** @type {import('../elements/table.js').Options<NodeRow>} */ ({
  name: 'Nodes',
  key: row => row.id,
  sort: { by: 'id', order: 'asc' },
  empty: 'No node has answered yet.',
  columns: [
    { key: 'id', label: 'Node', value: row => row.id, look: 'code' },
    { key: 'version', label: 'Version', value: row => row.version },
    { key: 'phase', label: 'State', value: row => row.phase },
    { key: 'uptime', label: 'Running for', value: row => row.uptime, text: row => formatSeconds(row.uptime === null ? null : Math.floor(row.uptime)), look: 'number' }
  ]
}))
