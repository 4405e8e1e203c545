// @ts-check
// <swarm-share>: sends and receives files on any page. It shows the view that fits the state of its session, and notices
// about errors.
//
// Attributes: `tracker` (WebSocket address; default: the origin of the page), `ice` (address of the ICE settings),
// `worker` (address of the service worker, for streaming), `page` (address that links begin with).
// Properties: `infoHash` (what to receive), `iceServers`. Events: `share-title`, `share-closed`.

import { define, emit, h, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { SwarmNotices } from '../../common/notice.js'
import { environment } from '../core/environment.js'
import { Session } from '../core/session.js'
import { endQuestion } from '../lib/leaving.js'
import { iceOf, shareLink, trackerOf } from '../lib/link.js'
import { milestone, titleOf } from '../lib/milestones.js'
import { linkReach, otherPage } from '../lib/reach.js'
import {
  environmentNotice,
  failureNotice,
  peersNotice,
  refusedNotice,
  TOKEN_MISSING_LEAD,
  trackerNotice
} from '../lib/texts.js'
import { SwarmDropTarget } from './drop-target.js'
import { SwarmReceiver } from './receiver-view.js'
import { SwarmSender } from './sender-view.js'
import { SwarmStart } from './start-view.js'

/** @typedef {import('../core/transfer.js').Snapshot} Snapshot */
/** @typedef {import('../../common/notice.js').Notice} Notice */

const TICK_MS = 500
const STYLES = ['../../common/style/tokens.css', '../../common/style/controls.css', '../style/share.css']

export class SwarmShare extends SwarmElement {
  /** The embedding page sets them, or the session loads them from the address in `ice`. @type {RTCIceServer[] | null} */
  iceServers = null

  #notices = new SwarmNotices()
  #stage = h('div', { class: 'stage' })
  #liveRegion = h('p', { class: 'visually-hidden', role: 'status', 'data-live': true })
  /** Null while the element is not on a page, or cannot work here. @type {Session | null} */
  #session = null
  /** The state at the last drawing. @type {Snapshot | null} */
  #before = null
  /** Why the element cannot work in this browser. @type {Notice | null} */
  #unsupported = null
  /** A notice of the embedding page. @type {Notice | null} */
  #pageNotice = null
  /** @type {string | null} */
  #infoHash = null

  /** @override */
  connectedCallback() {
    try {
      super.connectedCallback()
    } catch (error) {
      // The children of the element are a text for this case.
      this.shadowRoot?.replaceChildren(h('slot'))
      throw error
    }
  }

  /** @override */
  build() {
    const root = this.attachShadow({ mode: 'open' })
    const dropTarget = new SwarmDropTarget(() => this.#acceptsFiles)
    const content = h('div', { class: 'content' }, this.#liveRegion, this.#notices, this.#stage, dropTarget)
    const sheets = STYLES.map(path => h('link', { rel: 'stylesheet', href: new URL(path, import.meta.url).href }))
    // Hides the content until it has its styles. A style sheet that fails to load must not hide it for ever.
    content.hidden = true
    const loaded = sheets.map(
      sheet =>
        new Promise(resolve => {
          sheet.addEventListener('load', resolve)
          sheet.addEventListener('error', resolve)
        })
    )
    Promise.all(loaded).then(() => {
      content.hidden = false
      this.toggleAttribute('data-ready', true)
    })
    root.append(...sheets, content)
    this.#listen(root)
  }

  /** Handles the events of the views. @param {ShadowRoot} root */
  #listen(root) {
    const on = (/** @type {string} */ type, /** @type {(detail: any) => void} */ listener) =>
      root.addEventListener(type, event => listener(/** @type {CustomEvent} */ (event).detail))
    on('share-files', chosen => this.#share(chosen))
    on('drop-failed', error => this.showNotice(failureNotice(error)))
    on('transfer-start', indices => this.#session?.transfer?.download(indices))
    on('transfer-stop', () => this.#close())
    on('files-chosen', indices => this.#session?.choose(indices))
    on('file-open', index => this.#open(index))
    on('preview-close', index => this.#receiver?.focusOpen(index))
    on('file-save', index => this.#session?.save([index]))
    on('save-all', () => this.#session?.save(null))
    on('notice-action', id => this.#runNoticeAction(id))
    on('notice-shown', title => setText(this.#liveRegion, title))
  }

  /** @override @param {AbortSignal} signal */
  start(signal) {
    addEventListener('beforeunload', event => this.#onLeave(event), { signal })
    addEventListener('online', () => this.#session?.transfer?.retryTracker(), { signal })
    const timer = setInterval(() => this.#tick(), TICK_MS)
    signal.addEventListener('abort', () => {
      clearInterval(timer)
      this.#stage.replaceChildren()
      this.#session?.close()
      this.#session = this.#before = null
    })
    this.#unsupported = environmentNotice(environment(location.host))
    if (!this.#unsupported) {
      const ice = this.getAttribute('ice')
      this.#session = new Session({
        tracker: this.#tracker,
        iceServers: this.iceServers,
        ice: ice && iceOf(ice, location.href),
        worker: this.getAttribute('worker')
      })
      this.#session.addEventListener('change', () => this.#draw())
    }
    if (this.#infoHash) this.#receive(this.#infoHash)
    else this.#draw()
  }

  /** The info-hash to receive; null: the start page. */
  get infoHash() {
    return this.#infoHash
  }
  set infoHash(infoHash) {
    if (infoHash === this.#infoHash && this.#session?.transfer) return
    if (infoHash && infoHash === this.sharing) return
    this.#infoHash = infoHash
    if (!this.isConnected) return
    if (infoHash) this.#receive(infoHash)
    else this.#reset()
  }

  /** The info-hash of the files that this element shares, or null. */
  get sharing() {
    return this.#session?.sharing ?? null
  }

  /** What the user would lose by leaving the page, or null. */
  get loss() {
    return this.#session?.loss ?? null
  }

  /** Ends the session and shows a notice of the embedding page. @param {Notice} notice */
  showNotice(notice) {
    this.#reset(notice)
  }

  get #acceptsFiles() {
    const session = this.#session
    return session !== null && !session.transfer && !session.preparation && !this.#infoHash && !this.#isTokenMissing
  }

  /** @param {import('../core/engine.js').Chosen[]} chosen */
  #share(chosen) {
    this.#pageNotice = null
    this.#session?.share(chosen)
  }

  /** @param {string} infoHash */
  #receive(infoHash) {
    this.#pageNotice = this.#before = null
    this.#session?.receive(infoHash)
    // Removes the view of the last download with its preview at once. The next view appears when its transfer begins.
    this.#draw()
  }

  /** @param {number} index */
  async #open(index) {
    const session = this.#session
    const streams = (await session?.streams) ?? null
    const file = session?.transfer?.snapshot().files[index]
    if (session?.transfer && file) this.#receiver?.preview.show(session.transfer, file, streams)
  }

  /** @param {string} id of the button of a notice */
  #runNoticeAction(id) {
    if (id === 'tracker-now') this.#session?.transfer?.retryTracker()
    if (id === 'retry' && this.#infoHash) this.#receive(this.#infoHash)
    else if (id === 'retry') this.#reset()
    else this.#draw()
  }

  /** Ends the transfer for the user, after a question if something would be lost. */
  #close() {
    const { loss } = this
    if (loss && !confirm(endQuestion(loss))) return
    this.#infoHash = null
    this.#reset()
    setText(this.#liveRegion, 'Stopped.')
    emit(this, 'share-closed')
  }

  /** @param {Notice | null} notice */
  #reset(notice = null) {
    this.#session?.leave()
    this.#pageNotice = notice
    this.#before = null
    this.#draw()
  }

  get #tracker() {
    return this.getAttribute('tracker') ?? trackerOf(location.href)
  }

  /** Whether sharing is useless: the server of the page is the tracker and requires a token. */
  get #isTokenMissing() {
    const isOwnTracker =
      new URL(this.#tracker, location.href).host === new URL(iceOf(this.getAttribute('ice') ?? '', location.href)).host
    return (this.#session?.refused ?? false) && isOwnTracker
  }

  get #receiver() {
    const view = this.#stage.firstElementChild
    return view instanceof SwarmReceiver ? view : null
  }

  #tick() {
    this.#session?.transfer?.tick()
    this.#draw()
  }

  #draw() {
    const now = this.#session?.snapshot() ?? null
    this.#drawNotices(now)
    if (now?.role === 'sender') this.#drawSender(this.#showView(SwarmSender), now)
    else if (now) this.#showView(SwarmReceiver).update(now, this.#session?.space ?? null)
    else if (this.#infoHash || this.#unsupported) this.#stage.replaceChildren()
    else this.#showView(SwarmStart).update(this.#isTokenMissing ? TOKEN_MISSING_LEAD : '')
    const text = now && milestone(this.#before, now)
    if (text) setText(this.#liveRegion, text)
    this.#before = now
    emit(this, 'share-title', now ? titleOf(now) : '')
  }

  /** @param {SwarmSender} view @param {Snapshot} now */
  #drawSender(view, now) {
    const page = new URL(this.getAttribute('page') ?? '', location.href).href
    const linkFrom = (/** @type {string} */ page) =>
      now.infoHash && now.phase === 'sharing' ? shareLink(page, now.infoHash) : ''
    const link = linkFrom(page)
    const others = (this.#session?.pages ?? []).map(other => linkFrom(otherPage(other, page)))
    view.update(now, link, linkReach(link, others))
  }

  /** @param {Snapshot | null} now */
  #drawNotices(now) {
    const running = now && now.phase !== 'hashing'
    // An open connection proves that the refusal came from another server than the tracker.
    const isRefused = this.#session?.refused && now?.tracker.state !== 'open'
    this.#notices.update([
      this.#unsupported,
      this.#pageNotice,
      this.#session?.failure ?? null,
      this.#session?.saveError ?? null,
      isRefused ? refusedNotice() : running ? trackerNotice(now.tracker) : null,
      running && now.tracker.state === 'open'
        ? peersNotice({
            role: now.role,
            connected: now.peers.length,
            connecting: now.connecting,
            failed: now.failed,
            failureCause: now.failureCause,
            known: now.known,
            waitedSeconds: now.phase === 'done' ? 0 : now.aloneSeconds
          })
        : null
    ])
  }

  /**
   * Returns the current view if it is of this class, else replaces it by a new one.
   * @template {HTMLElement} V @param {new () => V} View @returns {V}
   */
  #showView(View) {
    const current = this.#stage.firstElementChild
    if (current instanceof View) return current
    const view = new View()
    this.#stage.replaceChildren(view)
    // Keyboard and screen reader users continue at the new heading. The browser reads the first view itself.
    if (current) view.querySelector('h1')?.focus()
    return view
  }

  /** @param {BeforeUnloadEvent} event */
  #onLeave(event) {
    if (this.loss) event.preventDefault()
  }
}

define('swarm-share', SwarmShare)
