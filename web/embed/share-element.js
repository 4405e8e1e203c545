// @ts-check
// <swarm-share>: the start view, attributes, methods, form and address of the page. share/elements/share-view.js is the
// rest, loaded on first use.

import { h } from '../common/dom.js'
import { t } from '../common/words.js'
import { fromFiles } from '../share/core/chosen-files.js'
import { SwarmDropTarget } from '../share/elements/drop-target.js'
import { SwarmStart } from '../share/elements/start-view.js'
import { parsePasted } from '../share/lib/link.js'
import { AttributeElement } from './attribute-element.js'
import { followFragment, leaveFragment, openFragment } from './fragment.js'
import { DARK_SHEET, loadSheet, newSheet, START_SHEETS, VIEW_SHEETS } from './style-sheets.js'

/** @typedef {import('../share/elements/share-view.js').ShareView} ShareView */
/** @typedef {import('../share/elements/share-view.js').Shared} Shared */
/** @typedef {import('../share/lib/call-options.js').CallOptions} CallOptions */

/** The languages of language.js. */
const TRANSLATED = ':lang(de), :lang(es)'
/** Null while all elements are in English. @type {Promise<typeof import('./language.js')> | null} */
let language = null

const DARK_MEDIA = { auto: '(prefers-color-scheme: dark)', light: 'not all', dark: 'all' }
const loadFailed = () => t('A part of this page could not be loaded. Try again in a moment, or reload the page.')

export class SwarmShareElement extends AttributeElement {
  static formAssociated = true
  /** Of the server, or of a script from it. */
  static script = ''

  #internals = this.attachInternals()
  #stage = h('div', { class: 'stage' })
  #live = h('p', { class: 'visually-hidden', role: 'status', 'data-live': true })
  #start = new SwarmStart()
  #dropTarget = new SwarmDropTarget(() => this.#acceptsFiles)
  /** Hidden until it has its styles. */
  #content = h('div', { class: 'content', lang: 'en', hidden: true }, this.#live, this.#stage, this.#dropTarget)
  #darkSheet = newSheet()
  /** Style sheets that load. @type {Promise<unknown>[]} */
  #ready = []
  /** Lasts while it is on the page. @type {AbortSignal | null} */
  #signal = null
  /** @type {ShareView | null} */
  #view = null
  /** @type {Promise<ShareView> | null} */
  #loading = null
  /** Calls that wait for the view. */
  #waiting = 0
  /** Calls of `stop`, which end waiting calls. */
  #stops = 0
  /** Whether the view could not be loaded. */
  #hasFailed = false
  /** Set as `files`, and not shared yet. @type {ReturnType<fromFiles>} */
  #given = []
  /** What to receive: info-hash and key. @type {string | null} */
  #address = null
  /** @type {RTCIceServer[] | null} */
  #iceServers = null
  /** @type {import('../common/words.js').Words | null} */
  #words = null

  /** Replaces those of `ice`. @type {RTCIceServer[] | null} */
  get iceServers() {
    return this.#iceServers
  }
  set iceServers(servers) {
    this.#iceServers = servers
    this.#view?.renew()
  }

  /** Own texts by the English texts. */
  get words() {
    return this.#words
  }
  set words(words) {
    this.#words = words
    this.#speak()
  }

  /** Setting it opens it; null ends the session. */
  get infoHash() {
    return this.#view?.infoHash ?? this.#address?.split('.', 1)[0] ?? null
  }
  set infoHash(infoHash) {
    if (!infoHash) this.stop()
    else if (this.isConnected) this.open(infoHash).catch(() => {})
    else this.#address = Object(parsePasted(infoHash)).address ?? infoHash
  }

  get form() {
    return this.#internals.form
  }

  get value() {
    return this.#view?.link ?? ''
  }

  /** @returns {import('../share/elements/share-view.js').ShareState} */
  get state() {
    return this.#view?.state ?? (this.#waiting ? 'loading' : 'idle')
  }

  /** @returns {import('../share/lib/public-file.js').PublicFile[]} */
  get files() {
    return this.#view?.files ?? []
  }
  /** @param {Iterable<File> | null} files */
  set files(files) {
    this.#given = fromFiles(files ?? [])
    this.#shareGiven()
  }

  get receiving() {
    return this.#address
  }

  /** @param {string} infoHash */
  isSharing(infoHash) {
    return this.#view?.isSharing(infoHash) ?? false
  }

  /** Asks if something would be lost. */
  confirmLeave() {
    return this.#view?.confirmLeave() ?? true
  }

  get loss() {
    return this.#view?.loss ?? null
  }

  /**
   * Shares files until `stop`.
   * @param {Iterable<File>} files @param {CallOptions} [options]
   * @returns {Promise<Shared>}
   * @throws {ShareError} if they are refused
   */
  async share(files, options) {
    const chosen = fromFiles(files)
    this.#dropTarget.cancel()
    return this.#use(view => view.share(chosen, options))
  }

  /** Adds files; the new link has all. @param {Iterable<File>} files @returns {Promise<Shared>} */
  async add(files) {
    const chosen = fromFiles(files)
    return this.#use(view => view.add(chosen))
  }

  /** Opens a share that has a password. @param {string} password */
  unlock(password) {
    return this.#use(view => view.unlock(password))
  }

  /**
   * Opens a share.
   * @param {string} link a link, a magnet link or an info-hash
   * @returns {Promise<{ infoHash: string }>} when the search begins
   */
  open(link) {
    const parsed = parsePasted(String(link))
    this.#address = parsed.kind === 'share' ? parsed.address : null
    this.#dropTarget.cancel()
    return this.#use(view => (parsed.kind === 'share' ? view.receive(parsed) : view.refuseLink()))
  }

  /** Ends the session without a question. */
  stop() {
    this.#stops++
    this.#address = null
    this.#dropTarget.cancel()
    this.#view?.reset()
    leaveFragment(this)
  }

  /** @override */
  connectedCallback() {
    try {
      super.connectedCallback()
    } catch (error) {
      this.#showChildren()
      throw error
    }
  }

  /** @override */
  build() {
    const root = this.attachShadow({ mode: 'open' })
    this.adoptProperties()
    this.#ready = START_SHEETS.map(path => loadSheet(root, path, path === DARK_SHEET ? this.#darkSheet : undefined))
    root.append(this.#content)
    // Notices show errors.
    const on = (/** @type {string} */ type, /** @type {(detail: any) => Promise<unknown>} */ call) =>
      root.addEventListener(type, event => call(/** @type {CustomEvent} */ (event).detail).catch(() => {}))
    on('share-files', chosen => this.#use(view => view.add(chosen)))
    on('drop-failed', error => this.#use(view => view.showFailure(error)))
    on('share-paste', pasted => this.#use(view => view.paste(pasted)))
    on('share-open', link => this.open(link))
    on('language', async redraw => {
      redraw(this.#start)
      this.#live.textContent = ''
      this.#draw()
    })
    this.addEventListener('share-closed', () => {
      this.#address = null
      leaveFragment(this)
    })
  }

  /** @override @param {AbortSignal} signal */
  start(signal) {
    this.#signal = signal
    signal.addEventListener('abort', () => this.#close())
    followFragment(this, signal)
    const observer = new MutationObserver(() => this.#speak())
    for (let root = /** @type {any} */ (this.getRootNode()); root; root = root.host?.getRootNode())
      observer.observe(root, { subtree: true, attributeFilter: ['lang'] })
    signal.addEventListener('abort', () => observer.disconnect())
    Promise.all([this.#speak(), ...this.#ready]).then(() => {
      this.#content.hidden = false
      this.toggleAttribute('data-ready', true)
    })
    this.#applyLook()
    if (this.#address) this.open(this.#address).catch(() => {})
    else openFragment(this)
    this.#shareGiven()
    this.#draw()
    if (this.preload || !isCapable()) this.#load().catch(() => {})
  }

  /** @override @param {string} name @param {string | null} old @param {string | null} text */
  attributeChangedCallback(name, old, text) {
    super.attributeChangedCallback(name, old, text)
    if (!this.shadowRoot) return
    if (['tracker', 'ice', 'worker'].includes(name)) this.#view?.renew()
    if (name === 'link') openFragment(this)
    this.#speak()
    this.#applyLook()
    this.#draw()
  }

  formResetCallback() {
    this.stop()
  }

  formDisabledCallback() {
    this.#draw()
  }

  #shareGiven() {
    const chosen = this.#given
    if (!chosen.length || this.#signal?.aborted !== false) return
    this.#given = []
    this.#use(view => view.shareGiven(chosen)).catch(() => {})
  }

  /** The settings that the start view needs. */
  #settings() {
    return {
      accept: this.accept,
      multiple: this.multiple,
      isWholePage: this.drop === 'page',
      isEncrypting: this.encryption === 'on',
      opensLinks: this.link !== 'none',
      isDisabled: this.matches(':disabled')
    }
  }

  get #acceptsFiles() {
    if (this.matches(':disabled')) return false
    return this.#view ? this.#view.acceptsFiles : this.#waiting === 0 && !this.#address
  }

  /** Loads the view if necessary. @template T @param {(view: ShareView) => Promise<T> | T} call @returns {Promise<T>} */
  async #use(call) {
    const stops = this.#stops
    this.#waiting++
    this.#draw()
    try {
      const view = await this.#load()
      if (stops !== this.#stops) throw new DOMException('swarm-share: stopped', 'AbortError')
      return await call(view)
    } finally {
      this.#waiting--
      this.#draw()
    }
  }

  /** @returns {Promise<ShareView>} */
  #load() {
    const signal = this.#signal
    if (!signal || signal.aborted)
      return Promise.reject(new DOMException('swarm-share: the element is not on a page', 'InvalidStateError'))
    this.#loading ??= this.#loadView(signal).catch(error => {
      if (signal.aborted) throw error
      this.#onLoadFailed()
      throw Object.assign(error, { code: 'module-failed', remedy: loadFailed() })
    })
    return this.#loading
  }

  /** @param {AbortSignal} signal */
  async #loadView(signal) {
    const [{ ShareView }] = await Promise.all([
      import('../share/elements/share-view.js'),
      this.#speak(true),
      ...VIEW_SHEETS.map(path => loadSheet(/** @type {ShadowRoot} */ (this.shadowRoot), path))
    ])
    signal.throwIfAborted()
    this.#hasFailed = false
    this.#view = new ShareView({
      host: this,
      stage: this.#stage,
      live: this.#live,
      start: this.#start,
      settings: () => this.#settings(),
      onLink: link => this.#internals.setFormValue(link || null),
      signal
    })
    return this.#view
  }

  #onLoadFailed() {
    this.#loading = null
    this.#hasFailed = true
    this.#address = null
    const detail = { code: 'module-failed', severity: 'error', cause: loadFailed(), remedy: '' }
    this.dispatchEvent(new CustomEvent('error', { detail }))
    if (this.preload) this.#showChildren()
    else this.#draw()
  }

  /** If it does not start. */
  #showChildren() {
    this.shadowRoot?.replaceChildren(h('slot'))
  }

  #close() {
    // After it, another element may be the first.
    this.#speak()
    this.#address = this.#view?.receiving?.address ?? this.#address
    this.#view?.close()
    this.#view = this.#loading = null
    this.#stage.replaceChildren()
  }

  #draw() {
    if (this.#view) {
      this.#view.draw()
    } else if (this.#address) {
      this.#stage.replaceChildren()
    } else {
      const settings = this.#settings()
      const lead = this.#waiting ? t('Loading…') : this.#hasFailed ? loadFailed() : ''
      this.#start.update({ ...settings, lead, isBlocked: settings.isDisabled || this.#waiting > 0 })
      if (this.#start.parentNode !== this.#stage) this.#stage.replaceChildren(this.#start)
    }
  }

  /** Follows the language of the page. @param {boolean} [isUsed] whether more than the start view is shown */
  async #speak(isUsed = this.#loading !== null) {
    if (!language && !this.#words && !this.matches(TRANSLATED)) return
    language ??= import('./language.js')
    try {
      await (await language).update(isUsed)
    } catch {
      // The next change tries again.
      language = null
    }
  }

  #applyLook() {
    this.#darkSheet.media = DARK_MEDIA[/** @type {keyof DARK_MEDIA} */ (this.theme)]
    this.#dropTarget.update(this.drop === 'page' ? document : this)
  }
}

/** If not, the view says what is missing. */
const isCapable = () =>
  globalThis.isSecureContext &&
  Boolean(globalThis.crypto?.subtle && globalThis.RTCPeerConnection && globalThis.WebSocket)
