// @ts-check
// The session of one swarm-share element: it shares, receives or is idle, and has the error of the last attempt. It owns
// the services and at most one transfer, and draws nothing. Fires `change`.

import { spaceNotice } from '../lib/storage-texts.js'
import { failureNotice, savingNotice } from '../lib/texts.js'
import { storageEstimate } from './environment.js'
import { Preparation } from './preparation.js'
import { Services } from './services.js'

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
  /** The error of the last attempt to save. @type {Notice | null} */
  saveError = null
  /** Indices of the received files that were saved. @type {Set<number>} */
  #saved = new Set()
  /** Number of files or archives that the page is writing. */
  #saves = 0
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
    return (
      this.preparation !== null || (this.transfer?.isTransferring ?? false) || this.#saves > 0 || this.#services.saving
    )
  }

  /** Whether a complete download has unsaved files. */
  get hasUnsaved() {
    const { transfer } = this
    return (
      transfer?.role === 'receiver' &&
      transfer.phase === 'done' &&
      transfer.snapshot().files.some(({ index, chosen }) => chosen && !this.#saved.has(index))
    )
  }

  /** The worst loss that leaving the page would cause, or null. @returns {Loss | null} */
  get loss() {
    if (this.isTransferring) return 'transfer'
    if (this.hasUnsaved) return this.#saved.size ? 'unsaved-rest' : 'unsaved'
    return this.transfer?.role === 'sender' && this.transfer.phase === 'sharing' ? 'link' : null
  }

  /** @param {Chosen[]} chosen @param {import('./preparation.js').ShareOptions} [options] */
  async share(chosen, options) {
    if (this.transfer || this.preparation) return
    const preparation = new Preparation(chosen, options)
    this.preparation = preparation
    this.failure = this.space = this.saveError = null
    this.#changed()
    try {
      const ready = await preparation.run()
      await this.#begin(engine => engine.share(ready))
    } catch (error) {
      if (this.preparation === preparation) this.failure = failureNotice(error)
    }
    if (this.preparation === preparation) this.preparation = null
    this.#changed()
  }

  /** @param {import('../lib/link.js').ShareLink} link */
  async receive(link) {
    this.leave()
    await this.#begin(engine => engine.receive(link))
  }

  /** Opens what is received with its password. @param {string} password */
  async unlock(password) {
    await this.transfer?.unlock(password)
    this.#changed()
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
    const { transfer } = this
    if (!transfer) return
    this.saveError = null
    this.#saves++
    try {
      const [{ saving }, streams] = await Promise.all([this.#services.load(), this.streams])
      const { files, name } = transfer.snapshot()
      const wanted = files.filter(file => file.done && (indices ? indices.includes(file.index) : file.chosen))
      const [only] = wanted
      const onSaved = () => {
        if (transfer === this.transfer) for (const { index } of wanted) this.#saved.add(index)
      }
      if (wanted.length === 1 && only) await saving.saveFile(transfer, only, streams, onSaved)
      else if (wanted.length) await saving.saveAll(transfer, wanted, name, streams, onSaved)
    } catch (error) {
      // Neither a closed save dialog nor the end of the transfer is an error.
      if (/** @type {Error} */ (error).name !== 'AbortError' && transfer === this.transfer)
        this.saveError = savingNotice(error)
    } finally {
      this.#saves--
    }
    this.#changed()
  }

  /** Ends the transfer and clears its notices, without an event. */
  leave() {
    this.#attempt++
    const { transfer } = this
    this.preparation?.stop()
    this.transfer = this.preparation = this.failure = this.space = this.saveError = null
    this.#saved = new Set()
    transfer?.stop()
  }

  close() {
    this.leave()
    this.#services.close()
  }

  /** @param {(engine: Engine) => Transfer} start */
  async #begin(start) {
    const attempt = ++this.#attempt
    this.failure = this.space = this.saveError = null
    try {
      const { engine } = await this.#services.load()
      if (attempt !== this.#attempt) return
      const transfer = start(engine)
      this.transfer = transfer
      transfer.addEventListener('phase', () => this.#onPhase(transfer))
    } catch (error) {
      if (attempt !== this.#attempt) return
      this.failure = failureNotice(error)
    }
    this.#changed()
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
