// @ts-check
// What one swarm-share element does at a time: it shares, receives or rests; and why the last attempt ended. Owns the
// services and the one transfer, draws nothing. Fires `change`; used by the swarm-share element.

import { failureNotice, savingNotice, spaceNotice } from '../lib/texts.js'
import { storageEstimate } from './environment.js'
import { Services } from './services.js'

/** @typedef {import('./engine.js').Chosen} Chosen */
/** @typedef {import('./engine.js').Engine} Engine */
/** @typedef {import('./transfer.js').Transfer} Transfer */
/** @typedef {import('../lib/texts.js').Notice} Notice */

export class Session extends EventTarget {
  #services
  /** @type {Transfer | null} */
  transfer = null
  /** What ended the last transfer. @type {Notice | null} */
  failure = null
  /** What to say about the space there is, before a download. @type {Notice | null} */
  space = null
  /** Why the last attempt to save went wrong. @type {Notice | null} */
  unsaved = null
  /** Whether something of what was received has been saved. */
  #kept = false
  /** Files or archives that the page itself is writing. */
  #saves = 0
  /** Counts attempts, so that a late one does not take the place of a newer one. */
  #attempt = 0

  /** @param {import('./services.js').Settings} settings */
  constructor (settings) {
    super()
    this.#services = new Services(settings)
  }

  /** Null where service workers are missing. */
  get streams () { return this.#services.streams }

  /** Whether the tracker wants a token that the page does not have; known soon after the start. */
  get refused () { return this.#services.refused }

  /** The info-hash of what is shared from here, if anything is. */
  get sharing () {
    return this.transfer?.role === 'sender' ? this.transfer.infoHash : null
  }

  /** Whether leaving would cut off a transfer, or a file that is being saved. */
  get underWay () {
    return (this.transfer?.underWay ?? false) || this.#saves > 0 || this.#services.saving
  }

  /** Whether closing would throw away a finished download of which nothing has been saved. */
  get unkept () {
    return this.transfer?.role === 'receiver' && this.transfer.phase === 'done' && !this.#kept
  }

  /** @param {Chosen[]} chosen */
  async share (chosen) {
    if (!this.transfer) await this.#begin(engine => engine.share(chosen))
  }

  /** @param {string} infoHash */
  async receive (infoHash) {
    this.leave()
    await this.#begin(engine => engine.receive(infoHash))
  }

  /** Which files are wanted; a download that runs follows at once. @param {number[]} indices */
  choose (indices) {
    const { transfer } = this
    if (!transfer) return
    if (transfer.phase === 'offered') transfer.choose(indices)
    else transfer.download(indices)
    this.#checkSpace(transfer)
    this.#changed()
  }

  /** @param {number[] | null} indices null: all that were chosen */
  async save (indices) {
    const { transfer } = this
    if (!transfer) return
    this.unsaved = null
    this.#saves++
    try {
      const [{ saving }, streams] = await Promise.all([this.#services.load(), this.streams])
      const { files, name } = transfer.snapshot()
      const wanted = files.filter(file => file.done && (indices ? indices.includes(file.index) : file.chosen))
      const [only] = wanted
      if (wanted.length === 1 && only) await saving.saveFile(transfer, only, streams)
      else if (wanted.length) await saving.saveAll(transfer, wanted, name, streams)
      if (transfer === this.transfer) this.#kept = true
    } catch (error) {
      // Closing the system's dialog is no failure, nor is the end of the transfer.
      if (/** @type {Error} */ (error).name !== 'AbortError' && transfer === this.transfer) this.unsaved = savingNotice(error)
    } finally {
      this.#saves--
    }
    this.#changed()
  }

  /** Ends what runs and forgets what it said; fires nothing. */
  leave () {
    this.#attempt++
    const { transfer } = this
    this.transfer = this.failure = this.space = this.unsaved = null
    this.#kept = false
    transfer?.stop()
  }

  close () {
    this.leave()
    this.#services.close()
  }

  /** @param {(engine: Engine) => Transfer} start */
  async #begin (start) {
    const attempt = ++this.#attempt
    this.failure = this.space = this.unsaved = null
    try {
      const { engine } = await this.#services.load()
      if (attempt !== this.#attempt) return
      const transfer = this.transfer = start(engine)
      transfer.addEventListener('phase', () => this.#onPhase(transfer))
    } catch (error) {
      if (attempt !== this.#attempt) return
      this.failure = failureNotice(error)
    }
    this.#changed()
  }

  /** @param {Transfer} transfer */
  #onPhase (transfer) {
    if (transfer !== this.transfer) return
    if (transfer.phase === 'failed') {
      this.failure = failureNotice(transfer.snapshot().error)
      this.transfer = null
    }
    if (transfer.phase === 'offered') this.#checkSpace(transfer)
    this.#changed()
  }

  /** @param {Transfer} transfer */
  async #checkSpace (transfer) {
    const [inMemory, estimate] = await Promise.all([transfer.store?.inMemory ?? false, storageEstimate()])
    const { files } = transfer.snapshot()
    const missing = files.reduce((sum, { chosen, size, have }) => sum + (chosen ? size - have : 0), 0)
    if (transfer === this.transfer) this.space = spaceNotice(missing, estimate, inMemory)
  }

  #changed () {
    this.dispatchEvent(new Event('change'))
  }
}
