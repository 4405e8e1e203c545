// @ts-check
// Makes a share of what is prepared. While it prepares, files can be added: then the preparation begins again with all of
// them, so that they get one link, and all calls that wait get that one. The session has at most one.

import { stopped } from '../lib/error-codes.js'

/** @typedef {import('./engine.js').Engine} Engine */
/** @typedef {import('./preparation.js').Preparation} Preparation */
/** @typedef {import('./preparation.js').Ready} Ready */
/** @typedef {import('./transfer.js').Transfer} Transfer */

/**
 * @typedef {object} Owner
 * @property {() => Promise<Engine>} load
 * @property {(engine: Engine, ready: Ready) => Transfer} start
 * @property {(transfer: Transfer, preparation: Preparation) => void} onShared called when the link works
 * @property {() => void} onFailed
 */

export class Publication {
  /** The latest preparation. @type {Preparation} */
  preparation
  #owner
  /** The transfer whose link does not work yet. @type {Transfer | null} */
  #started = null
  #hasEnded = false
  /** Resolves when the link works. Rejects with the error of the preparation or the share, or an AbortError after `end`. @type {Promise<Transfer>} */
  result

  /** @param {Preparation} preparation @param {Owner} owner */
  constructor(preparation, owner) {
    this.preparation = preparation
    this.#owner = owner
    this.result = this.#run()
  }

  /** Prepares these files in place of fewer. @param {Preparation} preparation */
  replace(preparation) {
    this.preparation.stop()
    this.preparation = preparation
    this.#started?.stop()
  }

  end() {
    this.#hasEnded = true
    this.preparation.stop()
    this.#started?.stop()
  }

  /** @returns {Promise<Transfer>} */
  async #run() {
    while (!this.#hasEnded) {
      const { preparation } = this
      const isCurrent = () => preparation === this.preparation && !this.#hasEnded
      try {
        const ready = await preparation.run()
        const engine = await this.#owner.load()
        if (!isCurrent()) continue
        const transfer = this.#owner.start(engine, ready)
        this.#started = transfer
        await transfer.reached('sharing').finally(() => {
          this.#started = null
        })
        if (isCurrent()) {
          this.#owner.onShared(transfer, preparation)
          return transfer
        }
        transfer.stop()
      } catch (error) {
        if (!isCurrent()) continue
        this.#owner.onFailed()
        throw error
      }
    }
    throw stopped()
  }
}
