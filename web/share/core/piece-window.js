// @ts-check
// Selects the pieces that a receiver downloads next. webtorrent starts all selected pieces, and a started piece stays in
// memory until it is complete. So this selects few pieces at a time. The rarest come first, in random order, so that
// receivers soon have pieces to exchange. It only selects and deselects pieces. Transfers use it.

/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').Torrent} Torrent */
/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').Wire} Wire */
/** @typedef {{ group: number, started: boolean, rarity: number }} Candidate */

/** Bytes of the pieces that are downloaded at a time. */
const WINDOW_BYTES = 48 * 1024 * 1024
/** Small pieces form groups of about this size, to keep webtorrent's list of selections short. */
const GROUP_BYTES = 4 * 1024 * 1024
/** Least number of groups, if there are enough pieces. Receivers with different groups can help each other. */
const GROUPS_MIN = 64
/** Largest part of a share that is selected at a time. webtorrent downloads adjacent selections in sequence. */
const PART_MAX = 1 / 4
/** Least number of groups beside those that wait for a peer. */
const ACTIVE_MIN = 2

export class PieceWindow {
  #torrent
  #random
  /** Pieces per group; the last group may have fewer. */
  #groupPieces
  #groups
  /** Largest number of groups that are selected at a time. */
  max
  /** A flag for each piece of the chosen files. */
  #wanted
  /** Selected groups. @type {Set<number>} */
  #open = new Set()
  /** The pieces that each reader needs, from first to last. @type {Map<object, { from: number, to: number }>} */
  #readers = new Map()

  /** @param {Torrent} torrent that is ready @param {() => number} [random] 0 to 1 */
  constructor(torrent, random = Math.random) {
    this.#torrent = torrent
    this.#random = random
    const count = torrent.pieces.length
    this.#groupPieces = Math.max(1, Math.floor(Math.min(GROUP_BYTES / torrent.pieceLength, count / GROUPS_MIN)))
    this.#groups = Math.ceil(count / this.#groupPieces)
    const most = Math.min(WINDOW_BYTES / (this.#groupPieces * torrent.pieceLength), this.#groups * PART_MAX)
    this.max = Math.max(ACTIVE_MIN, Math.floor(most))
    this.#wanted = new Uint8Array(count)
    torrent.on('verified', index => this.#onVerified(index))
  }

  /** Downloads only the pieces of these bytes. Another call changes the choice. @param {Iterable<{ offset: number, length: number }>} spans */
  want(spans) {
    this.#wanted.fill(0)
    for (const { offset, length } of spans)
      if (length) this.#wanted.fill(1, this.#pieceAt(offset), this.#pieceAt(offset + length - 1) + 1)
    for (const group of this.#open) {
      // A started piece is finished; it would stay in memory otherwise.
      if (!this.#isStarted(group) || this.#isDone(group)) this.#close(group)
    }
    this.refill()
  }

  /**
   * Downloads the bytes that a reader needs before all others, until the next call for this reader.
   * @param {object} reader @param {{ start: number, end: number } | null} bytes of the torrent, inclusive; null: the reader has ended
   */
  need(reader, bytes) {
    if (bytes === null) this.#readers.delete(reader)
    else this.#readers.set(reader, { from: this.#pieceAt(bytes.start), to: this.#pieceAt(bytes.end) })
  }

  /** Selects more groups if there is room. Called after each piece, and about twice a second because of new peers. */
  refill() {
    const { destroyed, wires } = this.#torrent
    if (destroyed) return
    let stuck = 0
    for (const group of this.#open) {
      if (this.#isDone(group)) this.#open.delete(group)
      else if (wires.some(wire => this.#has(wire, group))) continue
      else if (this.#isStarted(group)) stuck++
      else this.#close(group)
    }
    let room = Math.max(this.max - stuck, ACTIVE_MIN) - (this.#open.size - stuck)
    if (room <= 0) return
    const rarities = this.#rarities()
    while (room-- > 0) {
      const next = this.#nextForReaders(rarities) ?? this.#next(rarities)
      if (next === null) return
      this.#select(next)
    }
  }

  /** Returns the next group that a reader needs. @param {Map<number, number>} rarities */
  #nextForReaders(rarities) {
    for (const { from, to } of this.#readers.values()) {
      const first = this.#groupOf(from)
      // At most half a window ahead, which leaves room for rare pieces.
      const last = Math.min(this.#groupOf(to), first + Math.ceil(this.max / 2))
      for (let group = first; group <= last; group++) if (rarities.has(group) && !this.#open.has(group)) return group
    }
    return null
  }

  /**
   * Returns the next group of the peer that has the fewest selected groups: a started one, else a rare one, else a random one.
   * @param {Map<number, number>} rarities
   */
  #next(rarities) {
    const open = [...this.#open]
    const busy = new Map(this.#torrent.wires.map(wire => [wire, open.filter(group => this.#has(wire, group)).length]))
    const wires = [...busy.keys()].sort(
      (a, b) => Number(a.peerChoking) - Number(b.peerChoking) || (busy.get(a) ?? 0) - (busy.get(b) ?? 0)
    )
    for (const wire of wires) {
      /** @type {Candidate | null} */
      let best = null
      let equals = 1
      for (const [group, rarity] of rarities) {
        if (this.#open.has(group)) continue
        const candidate = { group, rarity, started: this.#isStarted(group) }
        const order = best ? compare(candidate, best) : -1
        if (order > 0 || !this.#has(wire, group)) continue
        equals = order < 0 ? 1 : equals + 1
        if (order < 0 || this.#random() * equals < 1) best = candidate
      }
      if (best) return best.group
    }
    return null
  }

  /** Returns the missing groups that peers have, with the number of these peers. @returns {Map<number, number>} */
  #rarities() {
    const rarities = new Map()
    for (let group = 0; group < this.#groups; group++) {
      if (this.#isDone(group)) continue
      const rarity = this.#torrent.wires.reduce((sum, wire) => sum + Number(this.#has(wire, group)), 0)
      if (rarity) rarities.set(group, rarity)
    }
    return rarities
  }

  /** @param {number} group */
  #select(group) {
    this.#open.add(group)
    const { from, to } = this.#bounds(group)
    for (let first = from; first <= to; first++) {
      if (!this.#isMissing(first)) continue
      let last = first
      while (last < to && this.#isMissing(last + 1)) last++
      this.#torrent.select(first, last)
      first = last
    }
  }

  /** @param {number} group */
  #close(group) {
    this.#open.delete(group)
    const { from, to } = this.#bounds(group)
    this.#torrent.deselect(from, to)
  }

  /** @param {number} index */
  #onVerified(index) {
    const group = this.#groupOf(index)
    if (this.#open.has(group) && this.#isDone(group)) this.refill()
  }

  /** Whether a peer has a missing piece of a group. @param {Wire} wire @param {number} group */
  #has(wire, group) {
    return !wire.destroyed && this.#some(group, piece => this.#isMissing(piece) && wire.peerPieces.get(piece))
  }

  /** @param {number} group */
  #isStarted(group) {
    return this.#some(group, piece => this.#isPieceStarted(piece))
  }

  /** @param {number} group */
  #isDone(group) {
    return !this.#some(group, piece => this.#isMissing(piece))
  }

  /** Whether a piece is chosen or started, and incomplete. @param {number} piece */
  #isMissing(piece) {
    return !this.#torrent.bitfield.get(piece) && (this.#wanted[piece] === 1 || this.#isPieceStarted(piece))
  }

  /** @param {number} index */
  #isPieceStarted(index) {
    const piece = this.#torrent.pieces[index]
    return piece ? piece.missing < piece.length : false
  }

  /** @param {number} group @param {(piece: number) => boolean} condition */
  #some(group, condition) {
    const { from, to } = this.#bounds(group)
    for (let piece = from; piece <= to; piece++) if (condition(piece)) return true
    return false
  }

  /** @param {number} group */
  #bounds(group) {
    const from = group * this.#groupPieces
    return { from, to: Math.min(from + this.#groupPieces, this.#wanted.length) - 1 }
  }

  /** @param {number} piece */
  #groupOf(piece) {
    return Math.floor(piece / this.#groupPieces)
  }

  /** @param {number} byte of the torrent */
  #pieceAt(byte) {
    return Math.floor(byte / this.#torrent.pieceLength)
  }
}

/** Negative: `a` comes first. @param {Candidate} a @param {Candidate} b */
const compare = (a, b) => Number(b.started) - Number(a.started) || a.rarity - b.rarity
