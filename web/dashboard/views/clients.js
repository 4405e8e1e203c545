// @ts-check
// Who is here: by program and version, and by the web site whose page opened the connection.

import { h } from '../../share/elements/dom.js'
import { watch } from '../core/watch.js'
import { card, hint, messageLine, needsSignIn } from '../elements/parts.js'
import { Table } from '../elements/table.js'
import { formatCount, formatRatio } from '../lib/numbers.js'

/** @typedef {{ name: string, version: string, members: number, http?: number, share: number }} Client */
/** @typedef {{ origin: string | null, connections: number }} Origin */

const EVERY_SECONDS = 10

/** @param {import('../app.js').App} app @returns {import('../app.js').View} */
export function clients (app) {
  const [messages, originMessages] = [messageLine(), messageLine()]
  const programs = clientTable()
  const origins = originTable()
  const isAdmin = app.api.signedIn
  /** @type {ReturnType<typeof watch>[]} */
  let asking = []

  async function askClients () {
    try {
      const { clients } = await app.api.get('clients')
      const all = clients.reduce((/** @type {number} */ sum, /** @type {Client} */ one) => sum + one.members, 0)
      programs.setRows(clients.map((/** @type {Client} */ one) => ({ ...one, share: all ? one.members / all : 0 })))
      messages.clear()
    } catch (error) {
      messages.failed(error)
      programs.fail()
    }
  }

  async function askOrigins () {
    try {
      origins.setRows((await app.api.get('origins')).origins)
      originMessages.clear()
    } catch (error) {
      originMessages.failed(error)
      origins.fail()
    }
  }

  return {
    element: h('div', { class: 'view' }, h('h1', { tabindex: -1 }, 'Clients'),
      card('Programs', hint('By the beginning of the peer id, which each program chooses; whoever likes can choose another’s. Many programs have another id for each torrent, and count once for each. Counted at most every ten seconds.'), messages.element, programs.element),
      isAdmin
        ? card('Web sites', hint('Whose pages opened the connections (their Origin). Non-browser clients mostly send none.'), originMessages.element, origins.element)
        : card('Web sites', needsSignIn('The web sites whose pages use this tracker', () => app.signIn()))),
    open () {
      asking = [watch(EVERY_SECONDS, askClients), ...isAdmin ? [watch(EVERY_SECONDS, askOrigins)] : []]
    },
    close () { asking.forEach(one => one.end()) }
  }
}

const clientTable = () => new Table(/** @type {import('../elements/table.js').Options<Client>} */ ({
  name: 'Programs',
  key: row => `${row.name} ${row.version}`,
  sort: { by: 'members', order: 'desc' },
  empty: 'Nobody is connected.',
  filter: 'Find a program',
  columns: [
    { key: 'name', label: 'Program', value: row => row.name },
    { key: 'version', label: 'Version', value: row => row.version, text: row => row.version || '–' },
    { key: 'members', label: 'Peers', value: row => row.members, text: row => formatCount(row.members), look: 'number' },
    { key: 'http', label: 'Over HTTP', value: row => row.http ?? null, text: row => formatCount(row.http), look: 'number' },
    { key: 'share', label: 'Share', value: row => row.share, text: row => formatRatio(row.share), look: 'number' }
  ]
}))

const originTable = () => new Table(/** @type {import('../elements/table.js').Options<Origin>} */ ({
  name: 'Web sites',
  key: row => row.origin ?? '',
  sort: { by: 'connections', order: 'desc' },
  empty: 'No page has a connection.',
  filter: 'Find a web site',
  columns: [
    { key: 'origin', label: 'Web site', value: row => row.origin, text: row => row.origin || 'none sent', look: 'wide' },
    { key: 'connections', label: 'Connections', value: row => row.connections, text: row => formatCount(row.connections), look: 'number' }
  ]
}))
