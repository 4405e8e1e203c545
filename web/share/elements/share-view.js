// @ts-check
// Runs and shows the session of a swarm-share element: its calls, its notices about errors and its events. share-stage.js
// shows the view that fits the state. The element loads this module on first use, and owns the style sheets, the start view
// and the live region.

import { emit, setText } from '../../common/dom.js'
import '../../common/icons.js'
import { SwarmNotices } from '../../common/notice.js'
import { t } from '../../common/words.js'
import { newFiles } from '../core/added-files.js'
import { environment } from '../core/environment.js'
import { Session } from '../core/session.js'
import { dismissible } from '../lib/adding-texts.js'
import { addressesOf, magnetOf, shareLink } from '../lib/addresses.js'
import { givenOptions, notLockedNotice, optionsNotice } from '../lib/call-options.js'
import { encryptionNotice } from '../lib/encryption-texts.js'
import { ShareError, stopped } from '../lib/error-codes.js'
import { endQuestion, leaveQuestion } from '../lib/leaving.js'
import { limitNotice } from '../lib/limits.js'
import { milestone, titleOf } from '../lib/milestones.js'
import { publicFiles } from '../lib/public-file.js'
import { offeredNotice, pasteRefusedNotice } from '../lib/start-texts.js'
import { isTextShare, pasted, textFile } from '../lib/text-share.js'
import {
  brokenLinkNotice,
  busyNotice,
  disabledNotice,
  environmentNotice,
  failureNotice,
  serverMissingNotice,
  tokenMissingLead
} from '../lib/texts.js'
import { insecureTrackerNotice } from '../lib/tracker-texts.js'
import { worded } from '../lib/worded.js'
import { EventReporter } from './event-reporter.js'
import { sessionNotices } from './session-notices.js'
import { settingsOf } from './share-settings.js'
import { ShareStage } from './share-stage.js'

/** @typedef {import('../core/snapshot.js').Snapshot} Snapshot */
/** @typedef {import('../core/engine.js').Chosen} Chosen */
/** @typedef {import('../lib/error-codes.js').CodedNotice} Notice */
/** @typedef {import('../lib/link.js').ShareLink} ShareLink */
/** @typedef {{ link: string, magnet: string, infoHash: string }} Shared */
/** @typedef {'idle' | 'loading' | 'unsupported' | import('../core/snapshot.js').Phase} ShareState */

/** @typedef {import('./share-settings.js').ShareParts} ShareParts */

/** No notice. */
const none = () => null

const TICK_MS = 500
/** How long a refusal of what was pasted is shown. */
const PASTE_NOTICE_MS = 8_000

export class ShareView {
  #parts
  #stage
  #notices = new SwarmNotices()
  #reporter
  /** Null if the element cannot work here. @type {Session | null} */
  #session = null
  /** The state at the last drawing. @type {Snapshot | null} */
  #before = null
  /** Why the element cannot work here. @type {() => Notice | null} */
  #unsupported = none
  /** About the last refused call. @type {() => Notice | null} */
  #refusal = none
  /** What the user is asked to share. @type {Chosen[]} */
  #offered = []
  /** When the user pasted something during a session, in milliseconds of the clock. */
  #refusedPasteAt = -Infinity
  #title = ''
  #link = ''
  /** Counts drawings: an event handler of the page can cause another one. */
  #drawings = 0
  /** Whether the settings have changed during the session. */
  #isStale = false
  /** What to receive; null: the start view. @type {ShareLink | null} */
  receiving = null

  /** @param {ShareParts} parts */
  constructor(parts) {
    const { host, stage, signal } = parts
    this.#parts = parts
    this.#stage = new ShareStage(parts)
    this.#reporter = new EventReporter(host)
    this.#listen(/** @type {ShadowRoot} */ (host.shadowRoot), signal)
    const timer = setInterval(() => this.#tick(), TICK_MS)
    signal.addEventListener('abort', () => clearInterval(timer))
    stage.before(this.#notices)
    addEventListener('beforeunload', event => this.loss && event.preventDefault(), { signal })
    addEventListener('online', () => this.#session?.retryTracker(), { signal })
    this.renew()
  }

  /** The info-hash that is received or shared. */
  get infoHash() {
    return this.receiving?.infoHash ?? this.#session?.sharing ?? null
  }

  /** Whether a link of this session has this info-hash, also one from before files were added. @param {string} infoHash */
  isSharing(infoHash) {
    return this.#session?.isSharing(infoHash) ?? false
  }

  /** What the user would lose by leaving the page. */
  get loss() {
    return this.#session?.loss ?? null
  }

  /** The link of the share, or an empty text. */
  get link() {
    return this.#linkOf(this.#session?.snapshot() ?? null)
  }

  /** @returns {ShareState} */
  get state() {
    if (this.#unsupported()) return 'unsupported'
    const phase = this.#session?.snapshot()?.phase
    return phase ?? (this.#session?.failure ? 'failed' : this.receiving ? 'loading' : 'idle')
  }

  get files() {
    const transfer = this.#session?.transfer
    return transfer ? publicFiles(transfer, transfer.snapshot()) : []
  }

  /** The settings of the element, with all addresses. */
  get #settings() {
    const settings = settingsOf(this.#parts)
    return { ...settings, ...addressesOf(settings, location.href) }
  }

  /** Whether a session is running or shows why it has failed. */
  get #isBusy() {
    return Boolean(this.#session?.transfer ?? this.#session?.preparation ?? this.receiving)
  }

  get acceptsFiles() {
    const { isDisabled, multiple } = this.#parts.settings()
    if (!this.#session || isDisabled) return false
    return this.#isBusy ? multiple && this.#session.canAdd : !this.#isTokenMissing
  }

  /** Begins a session with the current settings; a running one ends first. */
  renew() {
    this.#isStale = Boolean(this.infoHash ?? this.#session?.preparation)
    if (this.#isStale) return
    this.#session?.close()
    this.#session = null
    const { tracker, ice, iceServers, worker } = this.#settings
    this.#unsupported = worded(
      () =>
        environmentNotice(environment(location.host)) ??
        (tracker ? insecureTrackerNotice(tracker, location.href) : serverMissingNotice())
    )
    if (!this.#unsupported()) {
      this.#session = new Session({ tracker, iceServers, ice, worker })
      this.#session.addEventListener('change', () => this.draw())
    }
    this.draw()
  }

  /**
   * Shares files.
   * @param {Chosen[]} chosen @param {import('../lib/call-options.js').CallOptions | null} [options] replace those of the user
   * @returns {Promise<Shared>}
   * @throws {ShareError | DOMException} the notice that the user sees, or an AbortError if `stop` or another call ended it
   */
  async share(chosen, options = null) {
    const given = givenOptions(options)
    const settings = settingsOf(this.#parts)
    // The running session stays as it is.
    if (this.#isBusy) throw new ShareError(busyNotice())
    if (this.#isStale) this.renew()
    const refusal = worded(
      () =>
        this.#unsupported() ??
        (settings.isDisabled ? disabledNotice() : limitNotice(chosen, settings)) ??
        optionsNotice(given, settings.isEncrypting)
    )
    const session = this.#session
    if (refusal() || !session) throw this.#refuse(refusal)
    this.#refusal = none
    this.#offered = []
    const { start } = this.#parts
    const how = settings.isEncrypting ? { ...start.options, ...given } : { encrypt: false }
    const transfer = await session.share(chosen, how)
    start.clearOptions()
    this.draw()
    if (transfer !== this.#session?.transfer) throw stopped()
    return this.#shared()
  }

  /** Shares files that a program has set as a property; as for a wrong attribute, the console has a warning if it is too late. @param {Chosen[]} chosen */
  async shareGiven(chosen) {
    if (this.#isBusy) console.warn(`<swarm-share>: the files are ignored: ${busyNotice().text}`)
    // A notice tells the user about errors.
    else await this.share(chosen)
  }

  /**
   * Adds files to what is shared or prepared. If there is nothing, it shares them.
   * @param {Chosen[]} chosen @returns {Promise<Shared>} with the link to all files @throws {ShareError | DOMException} as `share`
   */
  async add(chosen) {
    const session = this.#session
    if (!session?.canAdd) return this.share(chosen)
    const settings = settingsOf(this.#parts)
    const { attempt } = session
    let shared, added
    do {
      shared = session.chosen
      added = await newFiles(shared, chosen)
      if (attempt !== session.attempt || !session.canAdd) throw stopped()
      // Another call may have added the same files meanwhile.
    } while (shared !== session.chosen)
    const all = [...shared, ...added]
    const refusal = worded(() => (settings.isDisabled ? disabledNotice() : limitNotice(all, settings, true)))
    if (refusal()) throw this.#refuse(dismissible(refusal))
    this.#refusal = none
    try {
      if (added.length || session.preparation) await session.add(added)
    } catch (error) {
      if (!session.canAdd) throw session.failure ? new ShareError(session.failure) : stopped()
      if (/** @type {Error} */ (error).name === 'AbortError') throw error
      throw this.#refuse(dismissible(() => failureNotice(error)))
    }
    this.draw()
    return this.#shared()
  }

  /** Opens what is received with its password. @param {string} password @throws {ShareError | DOMException} if it does not fit */
  async unlock(password) {
    const session = this.#session
    const transfer = session?.transfer
    if (!session || transfer?.phase !== 'locked') throw new ShareError(notLockedNotice())
    const fits = await session.unlock(password)
    this.#stage.receiver?.password.settle(session.snapshot()?.isPasswordWrong ?? false)
    if (transfer !== session.transfer) throw session.failure ? new ShareError(session.failure) : stopped()
    const wrong = encryptionNotice('WrongPasswordError')
    if (!fits && wrong) throw new ShareError(wrong)
  }

  /**
   * Takes what the user pasted: shares or adds files, opens a link, and shows another text in a form. A text is not shared at
   * once: the clipboard may have a password.
   * @param {{ chosen: Promise<Chosen[]>, text: string, isPosted?: boolean }} clipboard `isPosted`: another app or site has
   *   sent it, so files wait for a click too
   */
  async paste({ chosen, text, isPosted = false }) {
    const { start, settings } = this.#parts
    const found = pasted(await chosen, text, settings().opensLinks)
    if (!found) return
    if (this.#isBusy) {
      if ('files' in found && this.acceptsFiles && !isPosted) return this.add(found.files)
      this.#refusedPasteAt = performance.now()
      return this.draw()
    }
    if ('address' in found) return emit(start, 'share-open', found.address)
    if ('files' in found) return isPosted ? this.#offer(found.files) : this.share(found.files)
    const allowed = settingsOf(this.#parts)
    const refusal = worded(() => (this.#isTokenMissing ? null : limitNotice([textFile(text)], allowed)))
    if (refusal()) throw this.#refuse(refusal)
    const form = /** @type {import('./text-form.js').SwarmTextForm | undefined} */ (await start.open('text'))
    form?.show(text)
  }

  /** Asks whether to share files. Nothing is read before. @param {Chosen[]} chosen */
  #offer(chosen) {
    if (!this.#session) throw this.#refuse(this.#unsupported)
    this.#offered = chosen
    this.#refuse(worded(() => offeredNotice(chosen)))
  }

  /**
   * Receives the files of a share.
   * @param {ShareLink} link @returns {Promise<{ infoHash: string }>} @throws {ShareError | DOMException} as `share`
   */
  async receive(link) {
    if (this.#isStale) {
      this.#end()
      this.renew()
    }
    if (!this.#session) throw this.#refuse(this.#unsupported)
    this.receiving = link
    this.#refusal = none
    this.#before = null
    const begun = this.#session.receive(link)
    // Removes the view of the last download with its preview at once. The next view appears when its transfer begins.
    this.draw()
    await begun
    return { infoHash: link.infoHash }
  }

  /** Ends the session and tells that a link is damaged. @returns {never} */
  refuseLink() {
    this.reset()
    throw this.#refuse(worded(brokenLinkNotice))
  }

  /** Shows an error of what the user dropped. A share goes on. @param {unknown} error */
  showFailure(error) {
    if (!this.acceptsFiles) return
    const notice = () => failureNotice(error)
    if (this.#session?.canAdd) return this.#refuse(dismissible(notice))
    this.reset()
    this.#refuse(worded(notice))
  }

  /** Ends the session. */
  reset() {
    this.#end()
    if (this.#isStale) this.renew()
    else this.draw()
  }

  /** Asks the user before another link is opened, if something would be lost. */
  confirmLeave() {
    const { loss } = this
    return !loss || confirm(leaveQuestion(loss))
  }

  /** Ends everything; the element has left the page. */
  close() {
    this.#session?.close()
    this.#session = this.#before = null
    this.#notices.remove()
    this.#reporter.update(null, null, () => this.#sharedDetail())
  }

  draw() {
    const { live, signal } = this.#parts
    // A late result, after the element has left the page.
    if (signal.aborted) return
    const drawing = ++this.#drawings
    const now = this.#session?.snapshot() ?? null
    const notices = this.#noticesOf(now)
    this.#notices.update(notices)
    this.#drawStage(now)
    const isComplete = now?.role === 'receiver' && now.phase === 'done' && this.#before?.phase !== 'done'
    if (isComplete && isTextShare(now.files)) this.#open(0, { takesFocus: false })
    const text = now && milestone(this.#before, now)
    if (text) setText(live, text)
    this.#before = now
    this.#reportLink(this.#linkOf(now))
    // The events come last: a handler may end the session, which draws again, and the rest is no longer true.
    const isCurrent = () => drawing === this.#drawings
    const transfer = this.#session?.transfer ?? null
    const adding = this.#session?.adding ?? null
    const shown = adding ?? now
    this.#reportTitle(shown ? titleOf(shown) : '')
    if (isCurrent()) this.#reporter.updateErrors([...notices, this.#spaceNotice(now), wrongPassword(now)], isCurrent)
    if (isCurrent()) this.#reporter.update(now, transfer, () => this.#sharedDetail(), isCurrent, adding)
  }

  /** Handles the events of the views. @param {ShadowRoot} root @param {AbortSignal} signal */
  #listen(root, signal) {
    const on = (/** @type {string} */ type, /** @type {(detail: any) => void} */ listener) =>
      root.addEventListener(type, event => listener(/** @type {CustomEvent} */ (event).detail), { signal })
    on('transfer-start', indices => this.#session?.download(indices))
    on('transfer-stop', () => this.#close())
    on('files-chosen', indices => this.#session?.choose(indices))
    on('file-open', index => this.#open(index))
    on('preview-close', index => this.#stage.receiver?.focusOpen(index))
    on('file-save', index => this.#session?.save([index]))
    on('save-all', () => this.#session?.save(null))
    on('upload-limit', limit => this.#session?.limitUpload(limit))
    // The form tells the user about errors.
    on('share-password', password => this.unlock(password).catch(() => {}))
    on('adding-stop', () => this.#session?.cancelAdding())
    on('notice-action', id => this.#runNoticeAction(id))
    on('notice-shown', title => setText(this.#parts.live, title))
  }

  /** Shows a notice and returns its error. @param {() => Notice | null} refusal */
  #refuse(refusal) {
    const notice = refusal()
    this.#refusal = notice === this.#unsupported() ? none : refusal
    this.draw()
    return notice ? new ShareError(notice) : stopped()
  }

  /** Shows a file in the page. @param {number} index @param {{ takesFocus?: boolean }} [options] */
  async #open(index, options) {
    const session = this.#session
    const streams = (await session?.streams) ?? null
    const file = session?.transfer?.snapshot().files[index]
    if (session?.transfer && file) this.#stage.receiver?.preview.show(session.transfer, file, streams, options)
  }

  /** @param {string} id of the button of a notice */
  #runNoticeAction(id) {
    if (id === 'tracker-now') this.#session?.retryTracker()
    if (id === 'dismiss') {
      this.#refusal = none
      this.#session?.dismissFailure()
    }
    // A notice tells the user about errors.
    if (id === 'share-offered') this.share(this.#offered).catch(() => {})
    else if (id === 'retry' && this.receiving) this.receive(this.receiving).catch(() => {})
    else if (id === 'retry') this.reset()
    else if (id === 'close') this.#leave(t('Closed.'))
    else this.draw()
  }

  /** Ends the transfer for the user, after a question if something would be lost. */
  #close() {
    const { loss } = this
    if (!loss || confirm(endQuestion(loss))) this.#leave(t('Stopped.'))
  }

  /** Shows the start view again. @param {string} text for screen readers */
  #leave(text) {
    this.reset()
    setText(this.#parts.live, text)
    this.#parts.host.dispatchEvent(new CustomEvent('share-closed'))
  }

  /** Ends the session and forgets its notices, without a drawing. */
  #end() {
    this.receiving = null
    this.#session?.leave()
    this.#refusal = none
    this.#offered = []
    this.#before = null
  }

  /** Whether sharing is useless: the server of the settings is the tracker and requires a token. */
  get #isTokenMissing() {
    const { tracker, ice } = this.#settings
    return (this.#session?.refused ?? false) && ice !== null && new URL(tracker).host === new URL(ice).host
  }

  /** @param {Snapshot | null} now */
  #linkOf(now) {
    const isShared = now?.role === 'sender' && now.phase === 'sharing' && now.address
    return isShared ? shareLink(this.#settings.linkBase, now.address ?? '') : ''
  }

  /** @returns {Shared} */
  #shared() {
    const { name = '', infoHash = null, isEncrypted = false } = this.#session?.snapshot() ?? {}
    const magnet = magnetOf(infoHash ?? '', isEncrypted ? '' : name, this.#settings.tracker)
    return { link: this.link, magnet, infoHash: infoHash ?? '' }
  }

  #sharedDetail() {
    return { ...this.#shared(), files: this.files }
  }

  #tick() {
    this.#session?.tick()
    this.draw()
  }

  /** @param {Snapshot | null} now */
  #drawStage(now) {
    const session = this.#session
    if (now && session) this.#stage.drawSession(now, session, { ...this.#settings, link: this.#linkOf(now) })
    else if (this.receiving || this.#unsupported()) this.#stage.clear()
    else this.#stage.drawStart(this.#isTokenMissing ? tokenMissingLead() : '')
  }

  /** @param {string} link */
  #reportLink(link) {
    if (link === this.#link) return
    this.#link = link
    this.#parts.onLink(link)
  }

  /** @param {string} title the state in a few words, for the title of the page */
  #reportTitle(title) {
    if (title === this.#title) return
    this.#title = title
    // For the sharing page only, so it does not bubble.
    this.#parts.host.dispatchEvent(new CustomEvent('share-title', { detail: title }))
  }

  /** @param {Snapshot | null} now */
  #noticesOf(now) {
    const refusesPaste = this.#isBusy && performance.now() - this.#refusedPasteAt < PASTE_NOTICE_MS
    const paste = refusesPaste ? pasteRefusedNotice() : null
    return [this.#unsupported(), this.#refusal(), paste, ...sessionNotices(this.#session, now)]
  }

  /** The warning that a receiver's view shows. @param {Snapshot | null} now */
  #spaceNotice(now) {
    return now?.phase === 'offered' ? (this.#session?.space ?? null) : null
  }
}

/** The error that a receiver's view shows. @param {Snapshot | null} now */
const wrongPassword = now => (now?.isPasswordWrong ? encryptionNotice('WrongPasswordError') : null)
