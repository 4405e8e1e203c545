// @ts-check
// One share, from either side: what is being hashed, offered, fetched or handed on, as a plain snapshot that
// elements draw. It steers webtorrent's torrent and draws nothing. Made by Engine.

import { Smoothed } from '../lib/estimate.js'
import { PeerBook } from './peers.js'
import { readThrough } from './piece-reader.js'
import { PieceWindow } from './piece-window.js'
import { fileStates, totals } from './snapshot.js'
import { Solitude } from './solitude.js'
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
  #solitude
  /** What a receiver fetches next, once it knows the pieces. @type {PieceWindow | null} */
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
    this.#peers = new PeerBook(torrent, clock)
    this.#solitude = new Solitude(role, this.#tracker, clock())
    torrent.on('metadata', () => this.#onMetadata())
    torrent.on('ready', () => this.#onReady())
    torrent.on('error', error => this.fail(error))
  }

  get phase() {
    return this.#phase
  }

  /** @returns {string | null} null before it is known */
  get infoHash() {
    return this.#torrent.infoHash ?? null
  }

  /** Whether closing the page now would cut somebody off. */
  get underWay() {
    if (this.#phase === 'hashing' || this.#phase === 'downloading') return true
    const unfinished = this.#peers.list(this.#clock()).some(peer => peer.progress < 1 && peer.up > 0)
    return (this.#phase === 'sharing' || this.#phase === 'done') && unfinished
  }

  /**
   * Fetches these files and no others; may be called again with another choice.
   * @param {Iterable<number>} indices
   */
  download(indices) {
    if (this.role !== 'receiver' || !this.#torrent.ready) return
    this.choose(indices)
    this.#window?.want(this.#chosen)
    this.#enter(this.#chosen.size ? 'downloading' : 'offered')
    this.#checkDone()
  }

  /** Notes which files are wanted, before the download starts. @param {Iterable<number>} indices */
  choose(indices) {
    this.#chosen = new Set(indices)
  }

  /** The bytes of a file, waiting for what is not here yet. @param {number} index @param {{ start: number, end: number }} range both ends included */
  read(index, range) {
    const file = this.#torrent.files[index]
    if (!file) throw new Error('no such file')
    return readThrough(file, range, this.#torrent.pieceLength, this.#window)
  }

  retryTracker() {
    this.#tracker.retryNow()
  }

  /** Ends it and forgets what was stored. */
  stop() {
    this.#end('stopped', { destroyStore: true })
  }

  /** Ends it; what was stored stays for another attempt. @param {unknown} error */
  fail(error) {
    if (this.#phase === 'stopped' || this.#phase === 'failed') return
    this.#error = error
    this.#end('failed', { destroyStore: false })
  }

  /** Keeps speeds, tracker and repeated announces going; called every half second. */
  tick() {
    if (this.#torrent.destroyed) return
    const now = this.#clock()
    this.#tracker.tick(now)
    this.#down.add(this.#torrent.downloadSpeed, now)
    this.#up.add(this.#torrent.uploadSpeed, now)
    this.#window?.refill()
    this.#checkDone()
    this.#solitude.tick(now, this.#torrent.wires.length === 0)
  }

  /** @returns {Snapshot} */
  snapshot() {
    const now = this.#clock()
    const torrent = this.#torrent
    const gone = torrent.destroyed
    // Before the metadata there are no files; the descriptions then are not File objects yet.
    const early = !torrent.ready && this.#phase === 'finding'
    const files = gone || early ? [] : fileStates(torrent.files, this.#chosen)
    const peers = gone ? [] : this.#peers.list(now)
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
      failed: this.#peers.failed(now),
      connecting: gone ? 0 : this.#peers.connecting,
      known: this.#tracker.known,
      aloneSeconds: this.#solitude.seconds(now),
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
    // Everything may be here already, from before a reload.
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
