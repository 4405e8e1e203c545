// @ts-check
// One transfer, of a sender or a receiver. It controls webtorrent's torrent and returns its state as a snapshot. It draws
// nothing. The engine creates it.

import { Smoothed } from '../lib/estimate.js'
import { PeerList } from './peers.js'
import { readThrough } from './piece-reader.js'
import { PieceWindow } from './piece-window.js'
import { Reannouncer } from './reannouncer.js'
import { fileStates, totals } from './snapshot.js'
import { TrackerLink } from './tracker-link.js'

/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').Torrent} Torrent */
/** @typedef {import('./disk-store.js').DiskStore} DiskStore */

/** @typedef {import('./snapshot.js').Phase} Phase */
/** @typedef {import('./snapshot.js').FileState} FileState */
/** @typedef {import('./snapshot.js').Snapshot} Snapshot */

export class Transfer extends EventTarget {
  role
  #torrent
  #clock
  #tracker
  #peers
  #name
  /** @type {Phase} */
  #phase
  /** @type {unknown} */
  #error = null
  /** @type {Set<number>} */
  #chosen = new Set()
  #total
  #down = new Smoothed()
  #up = new Smoothed()
  #reannouncer
  /** Selects the pieces of a receiver; null before the metadata. @type {PieceWindow | null} */
  #window = null
  /** @type {DiskStore | null} */
  store = null

  /**
   * @param {Torrent} torrent
   * @param {{ role: 'sender' | 'receiver', name?: string, total?: number, clock?: () => number }} options
   */
  constructor(torrent, { role, name = '', total = 0, clock = () => performance.now() }) {
    super()
    this.role = role
    this.#torrent = torrent
    this.#clock = clock
    this.#name = name
    this.#total = total
    this.#phase = role === 'sender' ? 'hashing' : 'finding'
    this.#tracker = new TrackerLink(torrent)
    this.#peers = new PeerList(torrent, clock)
    this.#reannouncer = new Reannouncer(role, this.#tracker, clock())
    torrent.on('metadata', () => this.#onMetadata())
    torrent.on('ready', () => this.#onReady())
    torrent.on('error', error => this.fail(error))
  }

  get phase() {
    return this.#phase
  }

  /** Null until it is known. @returns {string | null} */
  get infoHash() {
    return this.#torrent.infoHash ?? null
  }

  /** Whether closing the page would interrupt a transfer. */
  get isTransferring() {
    if (this.#phase === 'hashing' || this.#phase === 'downloading') return true
    const unfinished = this.#peers.list(this.#clock()).some(peer => peer.progress < 1 && peer.up > 0)
    return (this.#phase === 'sharing' || this.#phase === 'done') && unfinished
  }

  /**
   * Downloads only these files. Another call changes the choice.
   * @param {Iterable<number>} indices
   */
  download(indices) {
    if (this.role !== 'receiver' || !this.#torrent.ready) return
    this.choose(indices)
    this.#window?.want(this.#chosen)
    this.#enter(this.#chosen.size ? 'downloading' : 'offered')
    this.#checkDone()
  }

  /** Chooses files before the download starts. @param {Iterable<number>} indices */
  choose(indices) {
    this.#chosen = new Set(indices)
  }

  /** Resolves when the transfer enters this phase. Rejects if it ends before. @param {Phase} phase @returns {Promise<void>} */
  reached(phase) {
    return new Promise((resolve, reject) => {
      const check = () => {
        if (this.#phase === phase) resolve()
        else if (this.#phase === 'failed') reject(this.#error)
        else if (this.#phase === 'stopped') reject(new DOMException('the transfer has ended', 'AbortError'))
      }
      this.addEventListener('phase', check)
      check()
    })
  }

  /** Returns the bytes of a file, and waits for missing ones. @param {number} index @param {{ start: number, end: number }} range inclusive */
  read(index, range) {
    const file = this.#torrent.files[index]
    if (!file) throw new Error('no such file')
    return readThrough(file, range, this.#torrent.pieceLength, this.#window)
  }

  retryTracker() {
    this.#tracker.retryNow()
  }

  /** Ends the transfer and deletes the stored data. */
  stop() {
    this.#end('stopped', { destroyStore: true })
  }

  /** Ends the transfer with an error. The stored data stay for the next attempt. @param {unknown} error */
  fail(error) {
    if (this.#phase === 'stopped' || this.#phase === 'failed') return
    this.#error = error
    this.#end('failed', { destroyStore: false })
  }

  /** Updates speeds, tracker connection, peers, piece selection and announces. Called twice a second. */
  tick() {
    if (this.#torrent.destroyed) return
    const now = this.#clock()
    this.#tracker.tick(now)
    this.#peers.tick(now)
    this.#down.add(this.#torrent.downloadSpeed, now)
    this.#up.add(this.#torrent.uploadSpeed, now)
    this.#window?.refill()
    this.#checkDone()
    this.#reannouncer.tick(now, this.#torrent.wires.length === 0)
  }

  /** @returns {Snapshot} */
  snapshot() {
    const now = this.#clock()
    const torrent = this.#torrent
    const isDestroyed = torrent.destroyed
    // Before the metadata there are no files; shortly after, they have no File objects yet.
    const isEarly = !torrent.ready && this.#phase === 'finding'
    const files = isDestroyed || isEarly ? [] : fileStates(torrent.files, this.#chosen)
    const peers = isDestroyed ? [] : this.#peers.list(now)
    const sums = totals(files, { down: this.#down.value, up: this.#up.value, alone: peers.length === 0 })
    return {
      ...sums,
      role: this.role,
      phase: this.#phase,
      name: torrent.name || this.#name,
      infoHash: this.infoHash,
      files,
      size: sums.size || this.#total,
      hashed: this.#total,
      sent: torrent.uploaded,
      peers,
      failed: this.#peers.failed,
      failureCause: this.#peers.failureCause,
      connecting: isDestroyed ? 0 : this.#peers.connecting,
      known: this.#tracker.known,
      aloneSeconds: this.#reannouncer.seconds(now),
      tracker: this.#tracker.snapshot(now),
      error: this.#error
    }
  }

  #onMetadata() {
    this.#chosen = new Set(this.#torrent.files.keys())
    if (this.role === 'receiver') this.#enter('checking')
  }

  #onReady() {
    if (this.role === 'sender') return this.#enter('sharing')
    this.#window = new PieceWindow(this.#torrent)
    // After a reload, the files may be complete.
    this.#enter(this.#torrent.files.every(({ done }) => done) && this.#torrent.done ? 'done' : 'offered')
    this.#checkDone()
  }

  #checkDone() {
    if (this.#phase !== 'downloading' && this.#phase !== 'offered') return
    const { files } = this.#torrent
    const all = this.#phase === 'offered' ? [...files.keys()] : [...this.#chosen]
    if (all.length && all.every(index => files[index]?.done)) this.#enter('done')
  }

  /** @param {Phase} phase */
  #enter(phase) {
    if (this.#phase === phase || this.#phase === 'stopped' || this.#phase === 'failed') return
    this.#phase = phase
    this.dispatchEvent(new Event('phase'))
  }

  /** @param {'stopped' | 'failed'} phase @param {{ destroyStore: boolean }} options */
  #end(phase, options) {
    this.#enter(phase)
    this.dispatchEvent(new Event('end'))
    if (!this.#torrent.destroyed) this.#torrent.destroy(options)
  }
}
