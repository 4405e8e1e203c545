// @ts-check
// The numbers of peers in the order of their arrival. The transfers of a page that share the same files, and more later, have
// one together. It uses no DOM.

/** Number of peers that keep their number after they have left: more than are connected to all transfers of a page. */
const PEERS_MAX = 1_000

export class PeerNumbers {
  /** By id; the peer that was asked about last is the last. @type {Map<string, number>} */
  #numbers = new Map()
  #last = 0

  /** Returns the number of a peer, a new one if it is new or was forgotten. @param {string} id */
  of(id) {
    const number = this.#numbers.get(id) ?? ++this.#last
    this.#numbers.delete(id)
    this.#numbers.set(id, number)
    const [oldest] = this.#numbers.keys()
    if (this.#numbers.size > PEERS_MAX && oldest !== undefined) this.#numbers.delete(oldest)
    return number
  }
}
