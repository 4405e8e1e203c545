// @ts-check
// The earlier shares of a sender who has added files. Each has another info-hash, and its link goes on working, with the
// files that it had, so that its receivers can finish. The session has one, and ends all of them with itself.

/** @typedef {import('./peers.js').Peer} Peer */
/** @typedef {import('./snapshot.js').Snapshot} Snapshot */
/** @typedef {import('./transfer.js').Transfer} Transfer */
/** What a sender shares, and how. @typedef {Pick<import('./preparation.js').Preparation, 'chosen' | 'options'>} Sources */

/**
 * Number of earlier shares. Each takes up to eight pieces of 4 MiB in memory, and a few connections that wait for an answer
 * after each announce.
 */
export const EARLIER_SHARES_MAX = 4

export class EarlierShares {
  /** The oldest first. @type {Transfer[]} */
  #transfers = []
  /** @type {WeakMap<Transfer, Sources>} */
  #sources = new WeakMap()
  /** How many have ended to make room. */
  #ended = 0

  get size() {
    return this.#transfers.length
  }

  /** @param {string} infoHash */
  has(infoHash) {
    return this.#transfers.some(transfer => transfer.infoHash === infoHash)
  }

  /** Whether a receiver of an earlier link would be interrupted. */
  get isTransferring() {
    return this.#transfers.some(transfer => transfer.isTransferring)
  }

  /** Keeps a share. If there are too many, the oldest that nobody is receiving ends, else the oldest. @param {Transfer} transfer @param {Sources} sources */
  add(transfer, sources) {
    this.#transfers.push(transfer)
    this.#sources.set(transfer, sources)
    // Also if it fails or expires.
    transfer.addEventListener('end', () => {
      this.#transfers = this.#transfers.filter(other => other !== transfer)
    })
    if (this.size <= EARLIER_SHARES_MAX) return
    const older = this.#transfers.slice(0, -1)
    const ending = older.find(({ isTransferring }) => !isTransferring) ?? older[0]
    ending?.stop()
    this.#ended++
  }

  /** Hands over the share of the latest link, which goes on. @returns {{ transfer: Transfer, sources: Sources } | null} */
  takeLatest() {
    const transfer = this.#transfers.pop()
    const sources = transfer && this.#sources.get(transfer)
    return sources ? { transfer, sources } : null
  }

  tick() {
    for (const transfer of this.#transfers) transfer.tick()
  }

  retryTracker() {
    for (const transfer of this.#transfers) transfer.retryTracker()
  }

  stop() {
    for (const transfer of this.#transfers) transfer.stop()
    this.#ended = 0
  }

  /** Adds the receivers of the earlier links to the state of the share. @param {Snapshot} now @returns {Snapshot} */
  addTo(now) {
    if (this.size === 0) return now
    const all = this.#transfers.map(transfer => transfer.traffic())
    const ids = new Set(now.peers.map(({ id }) => id))
    /** @type {Peer[]} */
    const peers = []
    for (const peer of all.flatMap(({ peers }) => peers)) {
      // A page that has opened both links is one receiver.
      if (ids.has(peer.id)) continue
      ids.add(peer.id)
      peers.push({ ...peer, isEarlier: true })
    }
    return {
      ...now,
      earlier: this.size,
      endedEarlier: this.#ended,
      peers: [...now.peers, ...peers].sort((a, b) => a.number - b.number),
      up: all.reduce((sum, { up }) => sum + up, now.up),
      sent: all.reduce((sum, { sent }) => sum + sent, now.sent)
    }
  }
}
