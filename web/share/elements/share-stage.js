// @ts-check
// Shows the view that fits the state of a session: the start, the sender or the receiver, and moves the focus to a new one.
// It changes no session. The view of a swarm-share element uses it.

import { isPageOf, shareLink } from '../lib/addresses.js'
import { linkReach, otherPage } from '../lib/reach.js'
import { SwarmReceiver } from './receiver-view.js'
import { SwarmSender } from './sender-view.js'

/** @typedef {import('../core/session.js').Session} Session */
/** @typedef {import('../core/snapshot.js').Snapshot} Snapshot */
/** What of the element a link depends on. @typedef {{ link: string, linkBase: string, server: string | null }} LinkState */

export class ShareStage {
  #parts

  /** @param {Pick<import('./share-settings.js').ShareParts, 'host' | 'stage' | 'start' | 'settings'>} parts */
  constructor(parts) {
    this.#parts = parts
  }

  /** The view of a receiver, if it is shown. */
  get receiver() {
    const view = this.#parts.stage.firstElementChild
    return view instanceof SwarmReceiver ? view : null
  }

  /** @param {Snapshot} now @param {Session} session @param {LinkState} links */
  drawSession(now, session, links) {
    if (now.role === 'sender') this.#drawSender(this.#showView(SwarmSender), now, session, links)
    else this.#showView(SwarmReceiver).update(now, session.space, session.saves?.state ?? 'unsaved')
  }

  /** @param {string} lead replaces the usual text, and then nothing can be shared; empty: the usual one */
  drawStart(lead) {
    const { start, settings } = this.#parts
    const state = settings()
    this.#show(start)
    start.update({ ...state, lead, isBlocked: state.isDisabled || lead !== '' })
  }

  /** Shows no view. */
  clear() {
    this.#parts.stage.replaceChildren()
  }

  /** @param {SwarmSender} view @param {Snapshot} now @param {Session} session @param {LinkState} links */
  #drawSender(view, now, session, { link, linkBase, server }) {
    const isServerPage = server !== null && isPageOf(server, linkBase)
    const pages = isServerPage && link ? (session.pages ?? []) : []
    const others = pages.map(page => shareLink(otherPage(page, linkBase), now.address ?? ''))
    const { accept, multiple, isDisabled } = this.#parts.settings()
    view.update(now, link, linkReach(link, others, isServerPage))
    view.updateAdding(session.adding, { accept, isHidden: !multiple, isDisabled })
  }

  /**
   * Returns the current view if it is of this class, else replaces it by a new one.
   * @template {HTMLElement} V @param {new () => V} View @returns {V}
   */
  #showView(View) {
    const current = this.#parts.stage.firstElementChild
    return current instanceof View ? current : this.#show(new View())
  }

  /** @template {HTMLElement} V @param {V} view @returns {V} */
  #show(view) {
    const { host, stage, settings } = this.#parts
    const current = stage.firstElementChild
    if (current === view) return view
    // Keyboard and screen reader users continue at the new heading. The browser reads the first view itself. An element
    // among other content takes the focus only from itself.
    const takesFocus = current !== null && (settings().isWholePage || host.matches(':focus-within'))
    stage.replaceChildren(view)
    if (takesFocus) view.querySelector('h1')?.focus()
    return view
  }
}
