// @ts-check
// The session of one swarm-share element: it shares, receives or is idle, and has the error of the last attempt. It owns
// the services, at most one transfer, and the earlier shares of a sender who has added files. It draws nothing. Fires
// `change`.

import { fellBack } from '../lib/adding-texts.js'
import { ShareError, stopped } from '../lib/error-codes.js'
import { spaceNotice } from '../lib/storage-texts.js'
import { isTextShare } from '../lib/text-share.js'
import { failureNotice } from '../lib/texts.js'
import { worded } from '../lib/worded.js'
import { EarlierShares } from './earlier-shares.js'
import { storageEstimate } from './environment.js'
import { Preparation } from './preparation.js'
import { Publication } from './publication.js'
import { Saves } from './saves.js'
import { Services } from './services.js'
import { uploadLimit } from './upload-limit.js'

/** @typedef {import('./engine.js').Chosen} Chosen */
/** @typedef {import('./engine.js').Engine} Engine */
/** @typedef {import('./transfer.js').Transfer} Transfer */
/** @typedef {import('../lib/error-codes.js').CodedNotice} Notice */
/** @typedef {import('../lib/leaving.js').Loss} Loss */

/** No notice. */
const none = () => null

export class Session extends EventTarget {
  #services
  /** @type {Transfer | null} */
  transfer = null
  #earlier = new EarlierShares()
  /** @type {import('./earlier-shares.js').Sources | null} */
  #shared = null
  /** @type {Publication | null} */
  #publication = null
  /** The error that ended the last transfer. @type {() => Notice | null} */
  #failure = none
  /** A warning about the storage, before a download. @type {() => Notice | null} */
  #space = none
  /** What is saved of the transfer. @type {Saves | null} */
  saves = null
  /** Whether the user has started the download, which is then saved at its end. */
  #isWanted = false
  /** Counts attempts, so that a late result of an old attempt is ignored. Files are added to the attempt that shares them. */
  #attempt = 0

  /** @param {import('./services.js').Settings} settings */
  constructor(settings) {
    super()
    this.#services = new Services(settings)
  }

  get failure() {
    return this.#failure()
  }

  get space() {
    return this.#space()
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
    const { transfer, preparation } = this
    return transfer ? this.#earlier.addTo(transfer.snapshot()) : (preparation?.snapshot() ?? null)
  }

  /** The state of the preparation of added files, while the earlier link works. @returns {import('./snapshot.js').Snapshot | null} */
  get adding() {
    return this.transfer ? (this.preparation?.snapshot() ?? null) : null
  }

  get attempt() {
    return this.#attempt
  }

  /** The preparation of files, before their transfer. During a transfer: of the same files and those that are added. */
  get preparation() {
    return this.#publication?.preparation ?? null
  }

  /** Whether files are shared or prepared, so that others can be added. */
  get canAdd() {
    return this.preparation !== null || this.transfer?.role === 'sender'
  }

  /** What is shared, or will be. @returns {Chosen[]} */
  get chosen() {
    return (this.preparation ?? this.#shared)?.chosen ?? []
  }

  /** The info-hash of the files that this page shares. */
  get sharing() {
    return this.transfer?.role === 'sender' ? this.transfer.infoHash : null
  }

  /** Whether this page shares these files, also under a link from before files were added. @param {string} infoHash */
  isSharing(infoHash) {
    return infoHash === this.sharing || this.#earlier.has(infoHash)
  }

  /** Whether leaving would interrupt a transfer, or the saving of a file. */
  get isTransferring() {
    const { preparation, transfer, saves } = this
    const isSending = Boolean(transfer?.isTransferring) || this.#earlier.isTransferring
    return preparation !== null || isSending || Boolean(saves?.isSaving) || this.#services.saving
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
   * Ends what is running, and shares files. Resolves when the link works.
   * @param {Chosen[]} chosen @param {import('./preparation.js').ShareOptions} [options] @returns {Promise<Transfer>}
   * @throws {ShareError | DOMException} the failure, or an AbortError if the session has ended meanwhile
   */
  async share(chosen, options) {
    this.leave()
    const attempt = this.#attempt
    try {
      return await this.#publish(new Preparation(chosen, options))
    } catch (error) {
      throw attempt === this.#attempt ? this.#fail(error) : stopped()
    }
  }

  /**
   * Adds files to what is shared or prepared. Resolves when the link to all of them works. The earlier link goes on working,
   * also after an error. Files that are added meanwhile get the same link.
   * @param {Chosen[]} chosen @returns {Promise<Transfer>}
   * @throws {unknown} the error of the preparation, or an AbortError if the session has ended meanwhile
   */
  async add(chosen) {
    if (chosen.length === 0 && this.#publication) return this.#publication.result
    const options = (this.preparation ?? this.#shared)?.options
    // Added files must not prolong a share.
    const expires = this.transfer ? { expires: this.transfer.expires } : {}
    try {
      return await this.#publish(new Preparation([...this.chosen, ...chosen], { ...options, ...expires }))
    } catch (error) {
      this.#changed()
      throw error
    }
  }

  /** Ends the preparation of added files. The share stays as it is. */
  cancelAdding() {
    if (this.transfer) this.#endPublication()
    this.#changed()
  }

  /**
   * Ends what is running, and receives a share. Resolves when the search begins.
   * @param {import('../lib/link.js').ShareLink} link @returns {Promise<Transfer>}
   * @throws {ShareError | DOMException} as `share`
   */
  async receive(link) {
    this.leave()
    const attempt = this.#attempt
    try {
      const { engine } = await this.#services.load()
      if (attempt !== this.#attempt) throw stopped()
      // The limit is for senders: receivers pass on what they have.
      engine.limitUpload(null)
      const transfer = engine.receive(link)
      this.saves = new Saves(this.#services, transfer)
      this.#adopt(transfer)
      // A handler of the page may have ended it.
      if (attempt !== this.#attempt) throw stopped()
      return transfer
    } catch (error) {
      throw attempt === this.#attempt ? this.#fail(error) : stopped()
    }
  }

  /** Forgets the error of a link, while an earlier one works. */
  dismissFailure() {
    if (this.transfer) this.#failure = none
  }

  /** Updates the transfers. Called twice a second. */
  tick() {
    this.transfer?.tick()
    this.#earlier.tick()
  }

  /** Connects to the tracker at once, after a loss. */
  retryTracker() {
    this.transfer?.retryTracker()
    this.#earlier.retryTracker()
  }

  /** Limits what is sent to all peers together. @param {number | null} bytesPerSecond */
  async limitUpload(bytesPerSecond) {
    const { engine } = await this.#services.load()
    if (this.sharing) engine.limitUpload(bytesPerSecond)
  }

  /** Opens what is received with its password. @param {string} password @returns {Promise<boolean>} whether it fits */
  async unlock(password) {
    const { transfer } = this
    const fits = (await transfer?.unlock(password)) ?? false
    if (transfer === this.transfer) this.#changed()
    return fits
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
    this.#endPublication()
    this.transfer = this.saves = this.#shared = null
    this.#failure = this.#space = none
    this.#isWanted = false
    transfer?.stop(options)
    this.#earlier.stop()
  }

  /** Ends the session. A download can continue in another one. */
  close() {
    this.leave({ destroyStore: false })
    this.#services.close()
  }

  /** Shares what is prepared. A running publication takes it over. @param {Preparation} preparation @returns {Promise<Transfer>} */
  async #publish(preparation) {
    const publication = this.#publication ?? new Publication(preparation, this.#owner)
    if (publication === this.#publication) publication.replace(preparation)
    this.#publication = publication
    this.#changed()
    const transfer = await publication.result
    // A handler of the page may have ended it.
    if (transfer !== this.transfer) throw stopped()
    return transfer
  }

  /** @type {import('./publication.js').Owner} */
  #owner = {
    load: async () => (await this.#services.load()).engine,
    start: (engine, ready) => {
      if (!this.transfer) engine.limitUpload(uploadLimit())
      return engine.share(ready, this.transfer?.peerNumbers)
    },
    onShared: (transfer, preparation) => {
      if (this.transfer && this.#shared) this.#earlier.add(this.transfer, this.#shared)
      this.#shared = preparation
      this.#failure = none
      this.#publication = null
      this.#adopt(transfer)
    },
    onFailed: () => {
      this.#publication = null
    }
  }

  #endPublication() {
    this.#publication?.end()
    this.#publication = null
  }

  /** @param {Transfer} transfer */
  #adopt(transfer) {
    this.transfer = transfer
    transfer.addEventListener('phase', () => this.#onPhase(transfer))
    this.#changed()
  }

  /** Returns the error of a call that failed. @param {unknown} error */
  #fail(error) {
    const failure = worded(() => failureNotice(error))
    this.#failure = failure
    this.#changed()
    return new ShareError(failure())
  }

  /** @param {Transfer} transfer */
  #onPhase(transfer) {
    if (transfer !== this.transfer) return
    if (transfer.phase === 'failed') {
      const { error } = transfer.snapshot()
      const attempt = this.#attempt
      this.#endPublication()
      if (this.#fallBack(transfer)) return this.#changed()
      this.#failure = worded(() => failureNotice(error))
      this.transfer = this.#shared = null
      this.#earlier.stop()
      transfer.store?.memoryCause.then(memory => {
        if (attempt !== this.#attempt || !memory) return
        this.#failure = worded(() => failureNotice(error, memory))
        this.#changed()
      })
    }
    if (transfer.phase === 'offered') this.#checkSpace(transfer)
    if (transfer.phase === 'done' && this.#isWanted) this.#saveRest(transfer)
    this.#changed()
  }

  /**
   * Shows the latest earlier link again, if the share with added files has failed: a file that was added and is gone does not
   * end the links that do without it. All links expire together. @param {Transfer} failed @returns {boolean} whether there is one
   */
  #fallBack(failed) {
    const { error } = failed.snapshot()
    if (/** @type {Error | null} */ (error)?.name === 'ExpiredShareError') return false
    const latest = this.#earlier.takeLatest()
    if (!latest) return false
    this.transfer = latest.transfer
    this.#shared = latest.sources
    this.#failure = fellBack(() => failureNotice(error))
    return true
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
    if (transfer === this.transfer) this.#space = worded(() => spaceNotice(missing, estimate, memory))
  }

  #changed() {
    this.dispatchEvent(new Event('change'))
  }
}
