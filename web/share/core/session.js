// @ts-check
// The session of one swarm-share element: it shares, receives or is idle, and has the error of the last attempt. It owns
// the services and at most one transfer, and draws nothing. Fires `change`.

import { ShareError } from '../lib/error-codes.js'
import { spaceNotice } from '../lib/storage-texts.js'
import { isTextShare } from '../lib/text-share.js'
import { failureNotice } from '../lib/texts.js'
import { storageEstimate } from './environment.js'
import { Preparation } from './preparation.js'
import { Saves } from './saves.js'
import { Services } from './services.js'
import { uploadLimit } from './upload-limit.js'

/** @typedef {import('./engine.js').Chosen} Chosen */
/** @typedef {import('./engine.js').Engine} Engine */
/** @typedef {import('./transfer.js').Transfer} Transfer */
/** @typedef {import('../lib/error-codes.js').CodedNotice} Notice */
/** @typedef {import('../lib/leaving.js').Loss} Loss */

export class Session extends EventTarget {
  #services
  /** @type {Transfer | null} */
  transfer = null
  /** The preparation of files, before their transfer. @type {Preparation | null} */
  preparation = null
  /** The error that ended the last transfer. @type {Notice | null} */
  failure = null
  /** A warning about the storage, before a download. @type {Notice | null} */
  space = null
  /** What is saved of the transfer. @type {Saves | null} */
  saves = null
  /** Whether the user has started the download, which is then saved at its end. */
  #isWanted = false
  /** Counts attempts, so that a late result of an old attempt is ignored. */
  #attempt = 0

  /** @param {import('./services.js').Settings} settings */
  constructor(settings) {
    super()
    this.#services = new Services(settings)
  }

  /** Resolves to null without service workers. */
  get streams() {
    return this.#services.streams
  }

  /** Addresses of the page for other machines, if the server sent them. @type {string[] | null} */
  get pages() {
    return this.#services.pages
  }

  /** Whether the tracker requires a token that the address of the page lacks. */
  get refused() {
    return this.#services.refused
  }

  /** Returns the state of the transfer or preparation, if there is one. @returns {import('./snapshot.js').Snapshot | null} */
  snapshot() {
    return this.transfer?.snapshot() ?? this.preparation?.snapshot() ?? null
  }

  /** The info-hash of the files that this page shares. */
  get sharing() {
    return this.transfer?.role === 'sender' ? this.transfer.infoHash : null
  }

  /** Whether leaving would interrupt a transfer, or the saving of a file. */
  get isTransferring() {
    const { preparation, transfer, saves } = this
    return preparation !== null || Boolean(transfer?.isTransferring || saves?.isSaving) || this.#services.saving
  }

  /** Whether a complete download has unsaved files. The page shows a text, so it needs no file. */
  get hasUnsaved() {
    const { transfer, saves } = this
    if (transfer?.role !== 'receiver' || transfer.phase !== 'done') return false
    return saves?.state !== 'saved' && !isTextShare(transfer.snapshot().files)
  }

  /** The worst loss that leaving the page would cause, or null. @returns {Loss | null} */
  get loss() {
    if (this.isTransferring) return 'transfer'
    if (this.hasUnsaved) return this.saves?.hasSaved ? 'unsaved-rest' : 'unsaved'
    return this.transfer?.role === 'sender' && this.transfer.phase === 'sharing' ? 'link' : null
  }

  /**
   * Ends what is running, and shares files. Resolves to the transfer when it begins.
   * @param {Chosen[]} chosen @param {import('./preparation.js').ShareOptions} [options] @returns {Promise<Transfer>}
   * @throws {ShareError | DOMException} the failure, or an AbortError if the session has ended meanwhile
   */
  share(chosen, options) {
    this.leave()
    const preparation = new Preparation(chosen, options)
    this.preparation = preparation
    const begun = this.#begin(async () => {
      const ready = await preparation.run()
      return engine => {
        engine.limitUpload(uploadLimit())
        return engine.share(ready)
      }
    })
    this.#changed()
    return begun
  }

  /**
   * Ends what is running, and receives a share. Resolves when the search begins.
   * @param {import('../lib/link.js').ShareLink} link @returns {Promise<Transfer>}
   * @throws {ShareError | DOMException} as `share`
   */
  receive(link) {
    this.leave()
    return this.#begin(async () => engine => {
      // The limit is for senders: receivers pass on what they have.
      engine.limitUpload(null)
      return engine.receive(link)
    })
  }

  /** Limits what is sent to all peers together. @param {number | null} bytesPerSecond */
  async limitUpload(bytesPerSecond) {
    const { engine } = await this.#services.load()
    if (this.sharing) engine.limitUpload(bytesPerSecond)
  }

  /** Opens what is received with its password. @param {string} password */
  async unlock(password) {
    await this.transfer?.unlock(password)
    this.#changed()
  }

  /** Starts the download for the user. @param {number[]} indices */
  download(indices) {
    this.#isWanted = true
    this.transfer?.download(indices)
  }

  /** Chooses the files to download, also during a download. @param {number[]} indices */
  choose(indices) {
    const { transfer } = this
    if (!transfer) return
    if (transfer.phase === 'offered') transfer.choose(indices)
    else transfer.download(indices)
    this.#checkSpace(transfer)
    this.#changed()
  }

  /** @param {number[] | null} indices null: all chosen files */
  async save(indices) {
    await this.saves?.save(indices)
    this.#changed()
  }

  /** Ends the transfer and clears its notices, without an event. @param {{ destroyStore?: boolean }} [options] as for a transfer */
  leave(options) {
    this.#attempt++
    const { transfer } = this
    this.preparation?.stop()
    this.transfer = this.preparation = this.failure = this.space = this.saves = null
    this.#isWanted = false
    transfer?.stop(options)
  }

  /** Ends the session. A download can continue in another one. */
  close() {
    this.leave({ destroyStore: false })
    this.#services.close()
  }

  /** @param {() => Promise<(engine: Engine) => Transfer>} prepare @returns {Promise<Transfer>} */
  async #begin(prepare) {
    const attempt = this.#attempt
    try {
      const start = await prepare()
      const { engine } = await this.#services.load()
      if (attempt !== this.#attempt) throw stopped()
      const transfer = start(engine)
      transfer.addEventListener('phase', () => this.#onPhase(transfer))
      this.transfer = transfer
      this.saves = new Saves(this.#services, transfer)
      this.preparation = null
      this.#changed()
      // A handler of the page may have ended it.
      if (attempt !== this.#attempt) throw stopped()
      return transfer
    } catch (error) {
      if (attempt !== this.#attempt) throw stopped()
      this.preparation = null
      const failure = failureNotice(error)
      this.failure = failure
      this.#changed()
      throw new ShareError(failure)
    }
  }

  /** @param {Transfer} transfer */
  #onPhase(transfer) {
    if (transfer !== this.transfer) return
    if (transfer.phase === 'failed') {
      const { error } = transfer.snapshot()
      const attempt = this.#attempt
      this.failure = failureNotice(error)
      this.transfer = null
      transfer.store?.memoryCause.then(memory => {
        if (attempt !== this.#attempt || !memory) return
        this.failure = failureNotice(error, memory)
        this.#changed()
      })
    }
    if (transfer.phase === 'offered') this.#checkSpace(transfer)
    if (transfer.phase === 'done' && this.#isWanted) this.#saveRest(transfer)
    this.#changed()
  }

  /** @param {Transfer} transfer */
  async #saveRest(transfer) {
    await this.saves?.saveRest(() => transfer === this.transfer)
    this.#changed()
  }

  /** @param {Transfer} transfer */
  async #checkSpace(transfer) {
    const [memory, estimate] = await Promise.all([transfer.store?.memoryCause ?? null, storageEstimate()])
    const { files } = transfer.snapshot()
    const missing = files.reduce((sum, { chosen, size, have }) => sum + (chosen ? size - have : 0), 0)
    if (transfer === this.transfer) this.space = spaceNotice(missing, estimate, memory)
  }

  #changed() {
    this.dispatchEvent(new Event('change'))
  }
}

/** The error of a call that `stop` or another call ended. */
export const stopped = () => new DOMException('swarm-share: the session has ended', 'AbortError')
