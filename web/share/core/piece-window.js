// @ts-check
// Which pieces a receiver fetches next. webtorrent begins any piece that is selected, and a piece that has begun
// stands in memory until it is whole; so only few are selected at a time, and others as those get done. Rare ones
// come first, in a random order, so that receivers soon have something to give to each other. It selects pieces and
// does nothing else with a torrent. Used by transfers.

/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').Torrent} Torrent */
/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').Wire} Wire */
/** @typedef {{ group: number, begun: boolean, rarity: number }} Candidate */

/** What may have begun at a time, in bytes. */
const WINDOW_BYTES = 48 * 1024 * 1024
/** Small pieces are selected in groups of about this many bytes, to keep the list of selections short. */
const GROUP_BYTES = 4 * 1024 * 1024
/** A share is at least so many groups, if it has so many pieces: receivers that begin at different ones can help each other. */
const GROUPS_MIN = 64
/** Part of a small share that is selected at a time: side by side, webtorrent would fetch its pieces in the order of their numbers. */
const PART_MAX = 1 / 4
/** Even if more cannot go on because whoever had them has left. */
const MOVING_MIN = 2

export class PieceWindow {
  #torrent
  #random
  /** Pieces in a group; all have the same number but the last. */
  #groupPieces
  #groups
  /** Most groups that are selected at a time. */
  max
  /** One flag for each piece. */
  #wanted
  /** Groups that are selected. @type {Set<number>} */
  #open = new Set()
  /** Where somebody reads, in pieces: first and last that are needed, in order. @type {Map<object, { from: number, to: number }>} */
  #readers = new Map()

  /** @param {Torrent} torrent one that is ready @param {() => number} [random] 0 to 1 */
  constructor(torrent, random = Math.random) {
    this.#torrent = torrent
    this.#random = random
    const count = torrent.pieces.length
    this.#groupPieces = Math.max(1, Math.floor(Math.min(GROUP_BYTES / torrent.pieceLength, count / GROUPS_MIN)))
    this.#groups = Math.ceil(count / this.#groupPieces)
    const most = Math.min(WINDOW_BYTES / (this.#groupPieces * torrent.pieceLength), this.#groups * PART_MAX)
    this.max = Math.max(MOVING_MIN, Math.floor(most))
    this.#wanted = new Uint8Array(count)
    torrent.on('verified', index => this.#onVerified(index))
  }

  /** Fetches the pieces of these files and no others; may be called again with another choice. @param {Iterable<number>} indices of files */
  want(indices) {
    this.#wanted.fill(0)
    for (const index of indices) {
      const file = this.#torrent.files[index]
      if (file?.length)
        this.#wanted.fill(1, this.#pieceAt(file.offset), this.#pieceAt(file.offset + file.length - 1) + 1)
    }
    for (const group of this.#open) {
      // What has begun is brought to its end: it would stay in memory otherwise.
      if (!this.#begun(group) || this.#isDone(group)) this.#close(group)
    }
    this.refill()
  }

  /**
   * Fetches what a reader needs next before anything else, until it is told otherwise.
   * @param {object} reader @param {{ start: number, end: number } | null} bytes of the torrent, both ends included; null: it has left
   */
  need(reader, bytes) {
    if (bytes === null) this.#readers.delete(reader)
    else this.#readers.set(reader, { from: this.#pieceAt(bytes.start), to: this.#pieceAt(bytes.end) })
  }

  /** Selects more where there is room; called whenever a piece is here, and every half second or so for the sake of new peers. */
  refill() {
    const { destroyed, wires } = this.#torrent
    if (destroyed) return
    let stuck = 0
    for (const group of this.#open) {
      if (this.#isDone(group)) this.#open.delete(group)
      else if (wires.some(wire => this.#has(wire, group))) continue
      else if (this.#begun(group)) stuck++
      else this.#close(group)
    }
    let room = Math.max(this.max - stuck, MOVING_MIN) - (this.#open.size - stuck)
    if (room <= 0) return
    const rarities = this.#rarities()
    while (room-- > 0) {
      const next = this.#nextForReaders(rarities) ?? this.#next(rarities)
      if (next === null) return
      this.#select(next)
    }
  }

  /** The next group of those who read. @param {Map<number, number>} rarities */
  #nextForReaders(rarities) {
    for (const { from, to } of this.#readers.values()) {
      const first = this.#groupOf(from)
      // Not more than half a window ahead, so that the others still get something rare.
      const last = Math.min(this.#groupOf(to), first + Math.ceil(this.max / 2))
      for (let group = first; group <= last; group++) if (rarities.has(group) && !this.#open.has(group)) return group
    }
    return null
  }

  /**
   * One that the peer can give who can give least of what is selected: what has begun, else what few have, else chance decides.
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
        const candidate = { group, rarity, begun: this.#begun(group) }
        const order = best ? compare(candidate, best) : -1
        if (order > 0 || !this.#has(wire, group)) continue
        equals = order < 0 ? 1 : equals + 1
        if (order < 0 || this.#random() * equals < 1) best = candidate
      }
      if (best) return best.group
    }
    return null
  }

  /** Wanted groups that somebody can give, with how many can. @returns {Map<number, number>} */
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

  /** Whether a peer has something of a group that is missing here. @param {Wire} wire @param {number} group */
  #has(wire, group) {
    return !wire.destroyed && this.#some(group, piece => this.#isMissing(piece) && wire.peerPieces.get(piece))
  }

  /** @param {number} group */
  #begun(group) {
    return this.#some(group, piece => this.#isBegun(piece))
  }

  /** @param {number} group */
  #isDone(group) {
    return !this.#some(group, piece => this.#isMissing(piece))
  }

  /** Wanted, or begun while it was. @param {number} piece */
  #isMissing(piece) {
    return !this.#torrent.bitfield.get(piece) && (this.#wanted[piece] === 1 || this.#isBegun(piece))
  }

  /** @param {number} index */
  #isBegun(index) {
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

/** Below 0: a first. @param {Candidate} a @param {Candidate} b */
const compare = (a, b) => Number(b.begun) - Number(a.begun) || a.rarity - b.rarity
