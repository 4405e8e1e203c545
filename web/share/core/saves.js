// @ts-check
// What of a download is saved, is being saved, and could not be saved. It writes no file itself: core/save.js does. The
// session has one for each transfer.

import { isTextShare } from '../lib/text-share.js'
import { savingNotice } from '../lib/texts.js'
import { worded } from '../lib/worded.js'

/** @typedef {import('./services.js').Services} Services */
/** @typedef {import('./transfer.js').Transfer} Transfer */
/** @typedef {import('../lib/error-codes.js').CodedNotice} Notice */
/** Of all chosen files. @typedef {'unsaved' | 'saving' | 'saved'} SaveState */

/** No notice. */
const none = () => null

export class Saves {
  #services
  #transfer
  /** The error of the last attempt. @type {() => Notice | null} */
  #error = none
  /** Indices of the files that were saved. @type {Set<number>} */
  #saved = new Set()
  /** Indices of those whose saving has begun; a closed save dialog removes them. @type {Set<number>} */
  #begun = new Set()
  /** Number of files or archives that the page is writing. */
  #running = 0

  /** @param {Services} services @param {Transfer} transfer */
  constructor(services, transfer) {
    this.#services = services
    this.#transfer = transfer
  }

  get error() {
    return this.#error()
  }

  /** Whether the page is writing a file. */
  get isSaving() {
    return this.#running > 0
  }

  /** Whether at least one file was saved. */
  get hasSaved() {
    return this.#saved.size > 0
  }

  /** @returns {SaveState} */
  get state() {
    const chosen = this.#transfer.snapshot().files.filter(file => file.chosen)
    if (chosen.every(({ index }) => this.#saved.has(index))) return 'saved'
    return chosen.every(({ index }) => this.#begun.has(index)) ? 'saving' : 'unsaved'
  }

  /** Saves complete files. @param {number[] | null} indices null: all chosen files */
  async save(indices) {
    const transfer = this.#transfer
    this.#error = none
    this.#running++
    const { files, name } = transfer.snapshot()
    const wanted = files.filter(file => file.done && (indices ? indices.includes(file.index) : file.chosen))
    const [only] = wanted
    // At once, so that nothing is saved twice while the services load.
    for (const { index } of wanted) this.#begun.add(index)
    const onSaved = () => {
      for (const { index } of wanted) this.#saved.add(index)
    }
    try {
      const [{ saving }, streams] = await Promise.all([this.#services.load(), this.#services.streams])
      if (wanted.length === 1 && only) await saving.saveFile(transfer, only, streams, onSaved)
      else if (wanted.length) await saving.saveAll(transfer, wanted, name, streams, onSaved)
    } catch (error) {
      for (const { index } of wanted) this.#begun.delete(index)
      // Neither a closed save dialog nor the end of the transfer is an error.
      if (/** @type {Error} */ (error).name !== 'AbortError') this.#error = worded(() => savingNotice(error))
    } finally {
      this.#running--
    }
  }

  /** Saves what the user has not saved during the download. @param {() => boolean} isCurrent whether the transfer still is that of the session */
  async saveRest(isCurrent) {
    const [{ saving }, streams] = await Promise.all([this.#services.load(), this.#services.streams])
    // Meanwhile the user may have left, chosen more files, or saved some.
    if (!isCurrent() || this.#transfer.phase !== 'done') return
    const { files, size } = this.#transfer.snapshot()
    if (isTextShare(files) || saving.needsClick(streams, size)) return
    const rest = files.filter(({ index, chosen }) => chosen && !this.#begun.has(index))
    if (rest.length) await this.save(rest.map(({ index }) => index))
  }
}
