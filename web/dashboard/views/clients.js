// @ts-check
// <dashboard-clients>: the peers by program and version, and the connections by the web site whose page opened them.

import { define, h } from '../../common/dom.js'
import { poll } from '../core/poll.js'
import { MessageLine } from '../elements/message.js'
import { card, hint, signInPrompt } from '../elements/parts.js'
import { Table } from '../elements/table.js'
import { formatCount, formatRatio } from '../lib/numbers.js'
import { View } from './view.js'

/** @typedef {import('../../types/api-client').Schemas['ClientReport'] & { share: number }} Client */
/** @typedef {import('../../types/api-client').Schemas['OriginReport']} Origin */

const POLL_SECONDS = 10

export class ClientsView extends View {
  #isAdmin = this.app.api.signedIn
  #clientMessage = new MessageLine()
  #clients = clientTable()
  #originMessage = new MessageLine()
  #origins = originTable()

  /** @override */
  build() {
    super.build()
    this.append(
      h('h1', { tabindex: -1 }, 'Clients'),
      card(
        'Programs',
        hint(
          'Identified by the start of the peer id, which clients choose and can fake. A client with a separate id for each torrent counts once per torrent. The counts are at most ten seconds old.'
        ),
        this.#clientMessage,
        this.#clients
      ),
      this.#isAdmin
        ? card(
            'Web sites',
            hint(
              'The sites whose pages opened the connections, from the Origin header. Most non-browser clients send none.'
            ),
            this.#originMessage,
            this.#origins
          )
        : card(
            'Web sites',
            signInPrompt('Sign in to see the web sites whose pages use this tracker.', () => this.app.signIn())
          )
    )
  }

  /** @override @param {AbortSignal} signal */
  start(signal) {
    poll(POLL_SECONDS, () => this.#loadClients(), signal)
    if (this.#isAdmin) poll(POLL_SECONDS, () => this.#loadOrigins(), signal)
  }

  async #loadClients() {
    try {
      const { clients } = await this.app.api.get('clients')
      const total = clients.reduce((sum, { members }) => sum + members, 0)
      this.#clients.update(clients.map(client => ({ ...client, share: total ? client.members / total : 0 })))
      this.#clientMessage.clear()
    } catch (error) {
      this.#clientMessage.showError(error)
      this.#clients.showUnknown()
    }
  }

  async #loadOrigins() {
    try {
      this.#origins.update((await this.app.api.get('origins')).origins)
      this.#originMessage.clear()
    } catch (error) {
      this.#originMessage.showError(error)
      this.#origins.showUnknown()
    }
  }
}

const clientTable = () =>
  new Table(
    /** @type {import('../elements/table.js').Options<Client>} */ ({
      name: 'Programs',
      key: row => `${row.name} ${row.version}`,
      sort: { by: 'members', order: 'desc' },
      empty: 'No peers are connected.',
      filter: 'Find a program',
      columns: [
        { key: 'name', label: 'Program', value: row => row.name },
        { key: 'version', label: 'Version', value: row => row.version, text: row => row.version || '–' },
        {
          key: 'members',
          label: 'Peers',
          value: row => row.members,
          text: row => formatCount(row.members),
          look: 'number'
        },
        {
          key: 'http',
          label: 'Over HTTP',
          value: row => row.http ?? null,
          text: row => formatCount(row.http),
          look: 'number'
        },
        { key: 'share', label: 'Share', value: row => row.share, text: row => formatRatio(row.share), look: 'number' }
      ]
    })
  )

const originTable = () =>
  new Table(
    /** @type {import('../elements/table.js').Options<Origin>} */ ({
      name: 'Web sites',
      key: row => row.origin ?? '',
      sort: { by: 'connections', order: 'desc' },
      empty: 'No connections from web pages.',
      filter: 'Find a web site',
      columns: [
        {
          key: 'origin',
          label: 'Web site',
          value: row => row.origin,
          text: row => row.origin || 'none sent',
          look: 'wide'
        },
        {
          key: 'connections',
          label: 'Connections',
          value: row => row.connections,
          text: row => formatCount(row.connections),
          look: 'number'
        }
      ]
    })
  )

define('dashboard-clients', ClientsView)
