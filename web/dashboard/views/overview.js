// @ts-check
// The first view: key numbers, charts, and the nodes.

import { h } from '../../share/elements/dom.js'
import { watch } from '../core/watch.js'
import { Charts } from '../elements/charts.js'
import { card } from '../elements/parts.js'
import { Table } from '../elements/table.js'
import { Tiles } from '../elements/tiles.js'
import { formatSeconds } from '../lib/numbers.js'
import { upgradeNotice } from '../lib/refusals.js'
import { absenceWords } from '../lib/texts.js'

/** @typedef {{ id: string, version: string, phase: string, uptime: number | null }} NodeRow */

const ALERTS_SECONDS = 10
const REFUSALS_SECONDS = 10
/** The phases of a server in words. @type {Record<string, string>} */
const PHASES = { serving: 'serving', draining: 'leaving' }

/** @param {import('../app.js').App} app @returns {import('../app.js').View} */
export function overview (app) {
  const tiles = new Tiles(app)
  const charts = new Charts(app)
  const nodes = nodeTable()
  const isAdmin = app.api.signedIn
  /** @type {import('../lib/refusals.js').Refusals | null} */
  let refusals = null
  /** @type {ReturnType<typeof watch> | null} */
  let askingRefusals = null
  /** @type {ReturnType<typeof watch> | null} */
  let alerts = null
  let known = app.series

  const update = () => {
    // The notice says why; empty numbers and charts would say nothing.
    tiles.element.hidden = charts.element.hidden = app.feed.state.mode === 'closed'
    tiles.update()
    if (app.series !== known) charts.setSeries(known = app.series)
    charts.update()
    const { node = '', version = '', phase = '' } = app.stats ?? {}
    if (!node) nodes.fail(absenceWords(app.feed.state))
    else nodes.setRows([{ id: node, version, phase: PHASES[phase] ?? phase, uptime: app.value('uptime') }])
  }
  const askAlerts = async () => {
    try {
      tiles.setAlerts(await app.api.get('alerts/summary'))
    } catch (error) {
      const { status } = /** @type {import('../core/api.js').ApiError} */ (error)
      tiles.setAlerts(null, status !== 401 && status !== 403)
    }
  }
  const askRefusals = async () => {
    try {
      refusals = await app.api.get('refusals')
    } catch (error) {
      refusals = null
      // A server that is older than this page knows none.
      if (/** @type {import('../core/api.js').ApiError} */ (error).status === 404) askingRefusals?.end()
    }
  }
  if (known.length) charts.setSeries(known)
  return {
    element: h('div', { class: 'view' },
      h('h1', { tabindex: -1, class: 'visually-hidden' }, 'Overview'),
      tiles.element, charts.element, card('Nodes', nodes.element)),
    update,
    notices: () => [upgradeNotice(refusals, Date.now() / 1000)],
    open () {
      charts.open()
      alerts = watch(ALERTS_SECONDS, askAlerts)
      if (isAdmin) askingRefusals = watch(REFUSALS_SECONDS, askRefusals)
    },
    close () {
      charts.close()
      alerts?.end()
      askingRefusals?.end()
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
