// @ts-check
// <swarm-share>: the whole of sharing and receiving, to be placed on any page. It owns the engine and the one
// transfer that runs, shows the view that fits, and says what is wrong. Attributes: `tracker` (WebSocket address,
// default: the page's origin), `ice` (address of the ICE settings), `worker` (service worker, for streaming),
// `page` (what links begin with). Properties:
// `infoHash` (what to receive), `iceServers`. Fires `share-title` and `share-closed`.

import { environment, storageEstimate } from '../core/environment.js'
import { Services } from '../core/services.js'
import { milestone } from '../lib/milestones.js'
import { formatPercent } from '../lib/format.js'
import { shareLink, trackerOf } from '../lib/link.js'
import { shownName } from '../lib/names.js'
import { environmentNotice, failureNotice, peersNotice, spaceNotice, trackerNotice } from '../lib/texts.js'
import { define, h, setText, tell } from './dom.js'
import { DropTarget } from './drop-target.js'
import './notice.js'
import './receiver-view.js'
import './sender-view.js'
import './start-view.js'

/** @typedef {import('../core/transfer.js').Transfer} Transfer */
/** @typedef {import('../core/transfer.js').Snapshot} Snapshot */
/** @typedef {import('../core/engine.js').Chosen} Chosen */
/** @typedef {import('../lib/texts.js').Notice} Notice */
/** @typedef {import('./sender-view.js').SwarmSender} SwarmSender */
/** @typedef {import('./receiver-view.js').SwarmReceiver} SwarmReceiver */

const TICK_MS = 500
const STYLES = ['../style/tokens.css', '../style/controls.css', '../style/share.css']

export class SwarmShare extends HTMLElement {
  /** Given by the page, or fetched from the address in `ice`. @type {RTCIceServer[] | null} */
  iceServers = null

  #notices = /** @type {import('./notice.js').SwarmNotices} */ (document.createElement('swarm-notices'))
  #stage = h('div', { class: 'stage' })
  #live = h('p', { class: 'visually-hidden', role: 'status', 'data-live': true })
  #drop = new DropTarget({ welcome: () => !this.#transfer && !this.#infoHash && !this.#blocked, onFiles: chosen => this.#share(chosen) })
  /** @type {Services | null} null where nothing can work */
  #services = null
  /** @type {Transfer | null} */
  #transfer = null
  /** @type {Snapshot | null} */
  #before = null
  /** @type {Notice | null} why nothing can work here */
  #blocked = null
  /** @type {Notice | null} what ended the last transfer */
  #fatal = null
  /** @type {Notice | null} */
  #space = null
  /** @type {string | null} */
  #infoHash = null
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer
  /** Counts attempts, so that a late one does not take the place of a newer one. */
  #attempt = 0

  connectedCallback () {
    if (!this.shadowRoot) this.#build()
    this.#drop.connect()
    addEventListener('beforeunload', this.#onLeave)
    addEventListener('online', this.#onOnline)
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    this.#blocked = environmentNotice(environment(location.host))
    this.#services = this.#blocked
      ? null
      : new Services({
        tracker: this.getAttribute('tracker') ?? trackerOf(location.href),
        iceServers: this.iceServers,
        ice: this.getAttribute('ice'),
        worker: this.getAttribute('worker')
      })
    if (this.#infoHash) this.#receive(this.#infoHash)
    else this.#draw()
  }

  disconnectedCallback () {
    this.#drop.disconnect()
    removeEventListener('beforeunload', this.#onLeave)
    removeEventListener('online', this.#onOnline)
    clearInterval(this.#timer)
    this.#leave()
    this.#services?.close()
    this.#services = null
  }

  /** What is to be received; null for the start page. */
  get infoHash () { return this.#infoHash }
  set infoHash (infoHash) {
    if (infoHash === this.#infoHash && this.#transfer) return
    this.#infoHash = infoHash
    if (!this.isConnected) return
    if (infoHash) this.#receive(infoHash)
    else this.#reset()
  }

  /** Whether closing the page would cut off a transfer. */
  get underWay () { return this.#transfer?.underWay ?? false }

  /** Shows a notice of the page's own, in place of everything that runs. @param {Notice} notice */
  showNotice (notice) {
    this.#leave()
    this.#fatal = notice
    this.#draw()
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
    on('transfer-start', indices => this.#transfer?.download(indices))
    on('transfer-stop', () => this.#close())
    on('files-chosen', indices => this.#choose(indices))
    on('file-open', index => this.#open(index))
    on('preview-close', () => this.#receiver?.focusTitle())
    on('file-save', index => this.#save([index]))
    on('save-all', () => this.#save(null))
    on('notice-action', id => this.#act(id))
  }

  /** @param {Chosen[]} chosen */
  async #share (chosen) {
    if (!this.#transfer) await this.#begin(engine => engine.share(chosen))
  }

  /** @param {string} infoHash */
  async #receive (infoHash) {
    this.#leave()
    await this.#begin(engine => engine.receive(infoHash))
  }

  /** @param {(engine: import('../core/engine.js').Engine) => Transfer} start */
  async #begin (start) {
    const attempt = ++this.#attempt
    this.#fatal = this.#space = null
    if (!this.#services) return this.#draw()
    try {
      const { engine } = await this.#services.load()
      if (attempt !== this.#attempt) return
      const transfer = this.#transfer = start(engine)
      transfer.addEventListener('phase', () => this.#onPhase(transfer))
    } catch (error) {
      if (attempt !== this.#attempt) return
      this.#fatal = failureNotice(error)
    }
    this.#draw()
  }

  /** @param {Transfer} transfer */
  async #onPhase (transfer) {
    if (transfer !== this.#transfer) return
    if (transfer.phase === 'failed') {
      this.#fatal = failureNotice(transfer.snapshot().error)
      this.#receiver?.preview.close()
      this.#transfer = null
    }
    if (transfer.phase === 'offered') this.#checkSpace(transfer)
    this.#draw()
  }

  /** @param {Transfer} transfer */
  async #checkSpace (transfer) {
    const [inMemory, estimate] = await Promise.all([transfer.store?.inMemory ?? false, storageEstimate()])
    const { files } = transfer.snapshot()
    const missing = files.reduce((sum, { chosen, size, have }) => sum + (chosen ? size - have : 0), 0)
    if (transfer === this.#transfer) this.#space = spaceNotice(missing, estimate, inMemory)
  }

  /** @param {number[]} indices */
  #choose (indices) {
    const transfer = this.#transfer
    if (!transfer) return
    if (transfer.phase === 'offered') transfer.choose(indices)
    else transfer.download(indices)
    this.#checkSpace(transfer)
    this.#draw()
  }

  /** @param {number} index */
  async #open (index) {
    const streams = await this.#services?.streams ?? null
    const file = this.#transfer?.snapshot().files[index]
    if (this.#transfer && file) this.#receiver?.preview.show(this.#transfer, file, streams)
  }

  /** @param {number[] | null} indices null: all that were chosen */
  async #save (indices) {
    const transfer = this.#transfer
    if (!transfer || !this.#services) return
    const [{ saving }, streams] = await Promise.all([this.#services.load(), this.#services.streams])
    const { files, name } = transfer.snapshot()
    const wanted = files.filter(file => file.done && (indices ? indices.includes(file.index) : file.chosen))
    try {
      const [only] = wanted
      if (wanted.length === 1 && only) await saving.saveFile(transfer, only, streams)
      else if (wanted.length) await saving.saveAll(transfer, wanted, name, streams)
    } catch (error) {
      if (/** @type {Error} */ (error).name === 'AbortError') return
      setText(this.#live, 'Saving failed.')
      this.#space = { tone: 'error', title: 'Saving failed', text: String(/** @type {Error} */ (error).message ?? error) }
    }
  }

  /** @param {string} id */
  #act (id) {
    if (id === 'tracker-now') this.#transfer?.retryTracker()
    if (id === 'retry') {
      if (this.#infoHash) this.#receive(this.#infoHash)
      else this.#reset()
    }
    this.#draw()
  }

  /** The person ends the transfer. */
  #close () {
    if (this.underWay && !confirm('A transfer is under way. Stop it?')) return
    this.#infoHash = null
    this.#reset()
    setText(this.#live, 'Stopped.')
    tell(this, 'share-closed')
  }

  #reset () {
    this.#leave()
    this.#fatal = null
    this.#draw()
  }

  #leave () {
    this.#attempt++
    const transfer = this.#transfer
    this.#transfer = this.#before = this.#space = null
    this.#receiver?.preview.close()
    transfer?.stop()
  }

  get #receiver () {
    const view = this.#stage.firstElementChild
    return view?.localName === 'swarm-receiver' ? /** @type {SwarmReceiver} */ (view) : null
  }

  #tick () {
    this.#transfer?.tick()
    this.#draw()
  }

  #draw () {
    const now = this.#transfer?.snapshot() ?? null
    this.#drawNotices(now)
    const tag = now ? `swarm-${now.role}` : this.#infoHash || this.#blocked ? null : 'swarm-start'
    this.#showView(tag)
    const view = this.#stage.firstElementChild
    if (now?.role === 'sender') {
      const link = now.infoHash && now.phase === 'sharing' ? shareLink(this.getAttribute('page') ?? location.href, now.infoHash) : '';
      /** @type {SwarmSender} */ (view).update(now, link)
    }
    if (now?.role === 'receiver') /** @type {SwarmReceiver} */ (view).update(now, this.#space)
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
    this.#notices.update([
      this.#blocked,
      this.#fatal,
      running ? trackerNotice(now.tracker) : null,
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

  #onOnline = () => this.#transfer?.retryTracker()

  /** @param {BeforeUnloadEvent} event */
  #onLeave = event => {
    if (this.underWay) event.preventDefault()
  }
}

/** @param {Snapshot} now */
function titleOf (now) {
  const name = shownName(now.name || 'download')
  if (now.phase === 'hashing' && now.size) return `${formatPercent(now.hashed / now.size)} · ${name}`
  if (now.phase === 'downloading' && now.size) return `${formatPercent(now.have / now.size)} · ${name}`
  return now.phase === 'finding' ? 'Looking…' : name
}

define('swarm-share', SwarmShare)
