// @ts-check
// <swarm-share>: the whole of sharing and receiving, to be placed on any page. It shows the view that fits what its
// session does, and says what is wrong. Attributes: `tracker` (WebSocket address,
// default: the page's origin), `ice` (address of the ICE settings), `worker` (service worker, for streaming),
// `page` (what links begin with). Properties:
// `infoHash` (what to receive), `iceServers`. Fires `share-title` and `share-closed`.

import { environment } from '../core/environment.js'
import { Session } from '../core/session.js'
import { endQuestion } from '../lib/leaving.js'
import { milestone, titleOf } from '../lib/milestones.js'
import { iceOf, shareLink, trackerOf } from '../lib/link.js'
import { linkReach, otherPage } from '../lib/reach.js'
import { SHUT_LEAD, environmentNotice, failureNotice, peersNotice, refusedNotice, trackerNotice } from '../lib/texts.js'
import { define, h, setText, tell } from './dom.js'
import { DropTarget } from './drop-target.js'
import './notice.js'
import './receiver-view.js'
import './sender-view.js'
import './start-view.js'

/** @typedef {import('../core/transfer.js').Snapshot} Snapshot */
/** @typedef {import('../lib/texts.js').Notice} Notice */
/** @typedef {import('./sender-view.js').SwarmSender} SwarmSender */
/** @typedef {import('./receiver-view.js').SwarmReceiver} SwarmReceiver */
/** @typedef {import('./start-view.js').SwarmStart} SwarmStart */

const TICK_MS = 500
const STYLES = ['../style/tokens.css', '../style/controls.css', '../style/share.css']

export class SwarmShare extends HTMLElement {
  /** Given by the page, or fetched from the address in `ice`. @type {RTCIceServer[] | null} */
  iceServers = null

  #notices = /** @type {import('./notice.js').SwarmNotices} */ (document.createElement('swarm-notices'))
  #stage = h('div', { class: 'stage' })
  #live = h('p', { class: 'visually-hidden', role: 'status', 'data-live': true })
  #drop = new DropTarget({
    welcome: () => this.#session !== null && !this.#session.transfer && !this.#session.preparation && !this.#infoHash && !this.#isShut,
    onFiles: chosen => this.#share(chosen),
    onFailed: error => this.showNotice(failureNotice(error))
  })
  /** @type {Session | null} null where nothing can work */
  #session = null
  /** @type {Snapshot | null} */
  #before = null
  /** @type {Notice | null} why nothing can work here */
  #blocked = null
  /** @type {Notice | null} the page's own */
  #notice = null
  /** @type {string | null} */
  #infoHash = null
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer

  connectedCallback () {
    try {
      this.#start()
    } catch (error) {
      // What stands within the element says in plain words that it has not started.
      this.shadowRoot?.replaceChildren(h('slot'))
      throw error
    }
  }

  #start () {
    if (!this.shadowRoot) this.#build()
    this.#drop.connect()
    addEventListener('beforeunload', this.#onLeave)
    addEventListener('online', this.#onOnline)
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    this.#blocked = environmentNotice(environment(location.host))
    if (!this.#blocked) {
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

  disconnectedCallback () {
    this.#drop.disconnect()
    removeEventListener('beforeunload', this.#onLeave)
    removeEventListener('online', this.#onOnline)
    clearInterval(this.#timer)
    this.#stage.replaceChildren()
    this.#session?.close()
    this.#session = this.#before = null
  }

  /** What is to be received; null for the start page. */
  get infoHash () { return this.#infoHash }
  set infoHash (infoHash) {
    if (infoHash === this.#infoHash && this.#session?.transfer) return
    if (infoHash && infoHash === this.sharing) return
    this.#infoHash = infoHash
    if (!this.isConnected) return
    if (infoHash) this.#receive(infoHash)
    else this.#reset()
  }

  /** The info-hash of what is shared from here; null when nothing is. */
  get sharing () { return this.#session?.sharing ?? null }

  /** What leaving the page would lose, as `transfer`, `unsaved`, `unsaved-rest` or `link`; null when nothing. */
  get loss () { return this.#session?.loss ?? null }

  /** Shows a notice of the page's own, in place of everything that runs. @param {Notice} notice */
  showNotice (notice) {
    this.#reset(notice)
  }

  #build () {
    const root = this.attachShadow({ mode: 'open' })
    const content = h('div', { class: 'content' }, this.#live, this.#notices, this.#stage, this.#drop.veil)
    const sheets = STYLES.map(path => h('link', { rel: 'stylesheet', href: new URL(path, import.meta.url).href }))
    // Unstyled parts would flash otherwise. A sheet that fails to load must not hide the page for ever.
    content.hidden = true
    Promise.all(sheets.map(sheet => new Promise(resolve => {
      sheet.addEventListener('load', resolve)
      sheet.addEventListener('error', resolve)
    }))).then(() => {
      content.hidden = false
      this.toggleAttribute('data-ready', true)
    })
    root.append(...sheets, content)
    const on = (/** @type {string} */ type, /** @type {(detail: any) => void} */ listener) =>
      root.addEventListener(type, event => listener(/** @type {CustomEvent} */ (event).detail))
    on('share-files', chosen => this.#share(chosen))
    on('transfer-start', indices => this.#session?.transfer?.download(indices))
    on('transfer-stop', () => this.#close())
    on('files-chosen', indices => this.#session?.choose(indices))
    on('file-open', index => this.#open(index))
    on('preview-close', index => this.#receiver?.focusOpen(index))
    on('file-save', index => this.#session?.save([index]))
    on('save-all', () => this.#session?.save(null))
    on('notice-action', id => this.#act(id))
    on('notice-shown', title => setText(this.#live, title))
  }

  /** @param {import('../core/engine.js').Chosen[]} chosen */
  #share (chosen) {
    this.#notice = null
    this.#session?.share(chosen)
  }

  /** @param {string} infoHash */
  #receive (infoHash) {
    this.#notice = this.#before = null
    this.#session?.receive(infoHash)
    // The view of the last download goes at once, with its preview; that of the next comes once it can begin.
    this.#draw()
  }

  /** @param {number} index */
  async #open (index) {
    const session = this.#session
    const streams = await session?.streams ?? null
    const file = session?.transfer?.snapshot().files[index]
    if (session?.transfer && file) this.#receiver?.preview.show(session.transfer, file, streams)
  }

  /** @param {string} id */
  #act (id) {
    if (id === 'tracker-now') this.#session?.transfer?.retryTracker()
    if (id === 'retry' && this.#infoHash) this.#receive(this.#infoHash)
    else if (id === 'retry') this.#reset()
    else this.#draw()
  }

  /** The person ends the transfer. */
  #close () {
    const { loss } = this
    if (loss && !confirm(endQuestion(loss))) return
    this.#infoHash = null
    this.#reset()
    setText(this.#live, 'Stopped.')
    tell(this, 'share-closed')
  }

  /** @param {Notice | null} notice */
  #reset (notice = null) {
    this.#session?.leave()
    this.#notice = notice
    this.#before = null
    this.#draw()
  }

  get #tracker () { return this.getAttribute('tracker') ?? trackerOf(location.href) }

  /** Whether nobody would be found here: the page's own server wants a token, and it is the tracker. */
  get #isShut () {
    return (this.#session?.refused ?? false) && new URL(this.#tracker, location.href).host === new URL(iceOf(this.getAttribute('ice') ?? '', location.href)).host
  }

  get #receiver () {
    const view = this.#stage.firstElementChild
    return view?.localName === 'swarm-receiver' ? /** @type {SwarmReceiver} */ (view) : null
  }

  #tick () {
    this.#session?.transfer?.tick()
    this.#draw()
  }

  #draw () {
    const now = this.#session?.snapshot() ?? null
    this.#drawNotices(now)
    const tag = now ? `swarm-${now.role}` : this.#infoHash || this.#blocked ? null : 'swarm-start'
    this.#showView(tag)
    const view = this.#stage.firstElementChild
    if (tag === 'swarm-start') /** @type {SwarmStart} */ (view).update(this.#isShut ? SHUT_LEAD : '')
    if (now?.role === 'sender') {
      const page = new URL(this.getAttribute('page') ?? '', location.href).href
      const linkFrom = (/** @type {string} */ page) => now.infoHash && now.phase === 'sharing' ? shareLink(page, now.infoHash) : ''
      const link = linkFrom(page);
      /** @type {SwarmSender} */ (view).update(now, link, linkReach(link, (this.#session?.pages ?? []).map(other => linkFrom(otherPage(other, page)))))
    }
    if (now?.role === 'receiver') /** @type {SwarmReceiver} */ (view).update(now, this.#session?.space ?? null)
    if (now) {
      const text = milestone(this.#before, now)
      if (text) setText(this.#live, text)
    }
    this.#before = now
    tell(this, 'share-title', now ? titleOf(now) : '')
  }

  /** @param {Snapshot | null} now */
  #drawNotices (now) {
    const running = now && now.phase !== 'hashing'
    // Where the connection is there all the same, it was another server that wanted a token.
    const isRefused = this.#session?.refused && now?.tracker.state !== 'open'
    this.#notices.update([
      this.#blocked,
      this.#notice,
      this.#session?.failure ?? null,
      this.#session?.unsaved ?? null,
      isRefused ? refusedNotice() : running ? trackerNotice(now.tracker) : null,
      running && now.tracker.state === 'open'
        ? peersNotice({ role: now.role, connected: now.peers.length, connecting: now.connecting, failed: now.failed, known: now.known, waitedSeconds: now.phase === 'done' ? 0 : now.aloneSeconds })
        : null
    ])
  }

  /** @param {string | null} tag */
  #showView (tag) {
    const current = this.#stage.firstElementChild
    if ((current?.localName ?? null) === tag) return
    const view = tag ? document.createElement(tag) : null
    this.#stage.replaceChildren(...view ? [view] : [])
    // Whoever works by keyboard or ear follows to the new heading; not on the first view, which the browser reads itself.
    if (current) view?.querySelector('h1')?.focus()
  }

  #onOnline = () => this.#session?.transfer?.retryTracker()

  /** @param {BeforeUnloadEvent} event */
  #onLeave = event => {
    if (this.loss) event.preventDefault()
  }
}

define('swarm-share', SwarmShare)
