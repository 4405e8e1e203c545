// @ts-check
// <dashboard-clients>: the peers by program and version, and the connections by the web site whose page opened them and
// by the site of their address.

import { define, h, setText } from '../../common/dom.js'
import { poll } from '../core/poll.js'
import { MessageLine } from '../elements/message.js'
import { card, hint, signInPrompt } from '../elements/parts.js'
import { RefusalTable } from '../elements/refusals.js'
import { Table } from '../elements/table.js'
import { formatCount, formatRatio } from '../lib/numbers.js'
import { View } from './view.js'

/** @typedef {import('../../types/api-client').Schemas['ClientReport'] & { share: number }} Client */
/** @typedef {import('../../types/api-client').Schemas['OriginReport']} Origin */
/** @typedef {import('../../types/api-client').Schemas['SitesResponse']} Sites */
/** @typedef {{ site: string | null, networks: number | null, connections: number }} Site one row; null: connections without a site */

const POLL_SECONDS = 10

export class ClientsView extends View {
  #isAdmin = this.app.api.signedIn
  #clientMessage = new MessageLine()
  #clients = clientTable()
  #originMessage = new MessageLine()
  #origins = originTable()
  #siteMessage = new MessageLine()
  #siteHint = hint('')
  #sites = siteTable()
  #siteCard = card(
    'Sites',
    hint(
      'Places such as schools and offices, by the networks that the file of tracker.groups names. They are not web sites. A connection keeps its site when the file changes.'
    ),
    this.#siteHint,
    this.#siteMessage,
    this.#sites
  )

  /** @override */
  build() {
    super.build()
    // Shown when the server has sites.
    this.#siteCard.hidden = true
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
          ),
      ...(this.#isAdmin ? [this.#refusedCard()] : []),
      this.#siteCard
    )
  }

  #refusedCard() {
    return card(
      'Refused web sites',
      hint(
        'Sites whose pages asked for the tracker and did not get it, the newest first. A page is told the reason; it can also read it at /api/v1/check.'
      ),
      new RefusalTable(this.app, { ofSites: true })
    )
  }

  /** @override @param {AbortSignal} signal */
  start(signal) {
    poll(POLL_SECONDS, () => this.#loadClients(), signal)
    if (!this.#isAdmin) return
    poll(POLL_SECONDS, () => this.#loadOrigins(), signal)
    poll(POLL_SECONDS, () => this.#loadSites(), signal)
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

  async #loadSites() {
    try {
      this.#showSites(await this.app.api.get('sites'))
      this.#siteMessage.clear()
    } catch (error) {
      this.#siteMessage.showError(error)
      this.#sites.showUnknown()
    }
  }

  /** @param {Sites} response */
  #showSites({ sites, sites_total: total, connections_without_site: others }) {
    this.#siteCard.hidden = sites === null
    const shown = sites ?? []
    setText(
      this.#siteHint,
      total > shown.length
        ? `The ${formatCount(shown.length)} sites with the most connections, of ${formatCount(total)}.`
        : ''
    )
    this.#sites.update([...shown, { site: null, networks: null, connections: others }])
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

const siteTable = () =>
  new Table(
    /** @type {import('../elements/table.js').Options<Site>} */ ({
      name: 'Sites',
      key: row => row.site ?? '',
      sort: { by: 'connections', order: 'desc' },
      empty: 'No sites.',
      filter: 'Find a site',
      columns: [
        { key: 'site', label: 'Site', value: row => row.site, text: row => row.site ?? 'no site', look: 'wide' },
        {
          key: 'networks',
          label: 'Networks',
          value: row => row.networks,
          text: row => formatCount(row.networks),
          look: 'number'
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
