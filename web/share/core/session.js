// @ts-check
// What one swarm-share element does at a time: it shares, receives or rests; and why the last attempt ended. Owns the
// services and the one transfer, draws nothing. Fires `change`; used by the swarm-share element.

import { failureNotice, savingNotice, spaceNotice } from '../lib/texts.js'
import { storageEstimate } from './environment.js'
import { Preparation } from './preparation.js'
import { Services } from './services.js'

/** @typedef {import('./engine.js').Chosen} Chosen */
/** @typedef {import('./engine.js').Engine} Engine */
/** @typedef {import('./transfer.js').Transfer} Transfer */
/** @typedef {import('../../common/notice.js').Notice} Notice */
/** @typedef {import('../lib/leaving.js').Loss} Loss */

export class Session extends EventTarget {
  #services
  /** @type {Transfer | null} */
  transfer = null
  /** What will be shared, while it is not yet known enough of. @type {Preparation | null} */
  preparation = null
  /** What ended the last transfer. @type {Notice | null} */
  failure = null
  /** What to say about the space there is, before a download. @type {Notice | null} */
  space = null
  /** Why the last attempt to save went wrong. @type {Notice | null} */
  saveError = null
  /** Which files of what was received have been saved, by their index. @type {Set<number>} */
  #saved = new Set()
  /** Files or archives that the page itself is writing. */
  #saves = 0
  /** Counts attempts, so that a late one does not take the place of a newer one. */
  #attempt = 0

  /** @param {import('./services.js').Settings} settings */
  constructor(settings) {
    super()
    this.#services = new Services(settings)
  }

  /** Null where service workers are missing. */
  get streams() {
    return this.#services.streams
  }

  /** Where other machines can open the page, if its server told so. @type {string[] | null} */
  get pages() {
    return this.#services.pages
  }

  /** Whether the tracker wants a token that the page does not have; known soon after the start. */
  get refused() {
    return this.#services.refused
  }

  /** The state of what runs, if anything does. @returns {import('./snapshot.js').Snapshot | null} */
  snapshot() {
    return this.transfer?.snapshot() ?? this.preparation?.snapshot() ?? null
  }

  /** The info-hash of what is shared from here, if anything is. */
  get sharing() {
    return this.transfer?.role === 'sender' ? this.transfer.infoHash : null
  }

  /** Whether leaving would cut off a transfer, or a file that is being saved. */
  get underWay() {
    return this.preparation !== null || (this.transfer?.underWay ?? false) || this.#saves > 0 || this.#services.saving
  }

  /** Whether closing would throw away a finished download of which something has not been saved. */
  get hasUnsaved() {
    const { transfer } = this
    return (
      transfer?.role === 'receiver' &&
      transfer.phase === 'done' &&
      transfer.snapshot().files.some(({ index, chosen }) => chosen && !this.#saved.has(index))
    )
  }

  /** What would be lost by leaving, the gravest first; null when nothing. @returns {Loss | null} */
  get loss() {
    if (this.underWay) return 'transfer'
    if (this.hasUnsaved) return this.#saved.size ? 'unsaved-rest' : 'unsaved'
    return this.transfer?.role === 'sender' && this.transfer.phase === 'sharing' ? 'link' : null
  }

  /** @param {Chosen[]} chosen */
  async share(chosen) {
    if (this.transfer || this.preparation) return
    const preparation = new Preparation(chosen)
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

  /** @param {string} infoHash */
  async receive(infoHash) {
    this.leave()
    await this.#begin(engine => engine.receive(infoHash))
  }

  /** Which files are wanted; a download that runs follows at once. @param {number[]} indices */
  choose(indices) {
    const { transfer } = this
    if (!transfer) return
    if (transfer.phase === 'offered') transfer.choose(indices)
    else transfer.download(indices)
    this.#checkSpace(transfer)
    this.#changed()
  }

  /** @param {number[] | null} indices null: all that were chosen */
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
      // Closing the system's dialog is no failure, nor is the end of the transfer.
      if (/** @type {Error} */ (error).name !== 'AbortError' && transfer === this.transfer)
        this.saveError = savingNotice(error)
    } finally {
      this.#saves--
    }
    this.#changed()
  }

  /** Ends what runs and forgets what it said; fires nothing. */
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
      transfer.store?.inMemory.then(inMemory => {
        if (attempt !== this.#attempt || !inMemory) return
        this.failure = failureNotice(error, inMemory)
        this.#changed()
      })
    }
    if (transfer.phase === 'offered') this.#checkSpace(transfer)
    this.#changed()
  }

  /** @param {Transfer} transfer */
  async #checkSpace(transfer) {
    const [inMemory, estimate] = await Promise.all([transfer.store?.inMemory ?? false, storageEstimate()])
    const { files } = transfer.snapshot()
    const missing = files.reduce((sum, { chosen, size, have }) => sum + (chosen ? size - have : 0), 0)
    if (transfer === this.transfer) this.space = spaceNotice(missing, estimate, inMemory)
  }

  #changed() {
    this.dispatchEvent(new Event('change'))
  }
}
