// @ts-check
// One share, from either side: what is being hashed, offered, fetched or handed on, as a plain snapshot that
// elements draw. It steers webtorrent's torrent and draws nothing. Made by Engine.

import { Smoothed, secondsLeft } from '../lib/estimate.js'
import { retryDelay } from '../lib/backoff.js'
import { PeerBook } from './peers.js'
import { TrackerLink } from './tracker-link.js'

/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').Torrent} Torrent */
/** @typedef {import('./disk-store.js').DiskStore} DiskStore */

/**
 * Sender: hashing → sharing. Receiver: finding → checking → offered → downloading → done (and back to downloading when
 * more files are chosen). Either may end as failed or stopped.
 * @typedef {'hashing' | 'sharing' | 'finding' | 'checking' | 'offered' | 'downloading' | 'done' | 'failed' | 'stopped'} Phase
 */

/**
 * @typedef {{ index: number, name: string, path: string, size: number, have: number, chosen: boolean, done: boolean }} FileState
 * @typedef {object} Snapshot
 * @property {'sender' | 'receiver'} role
 * @property {Phase} phase
 * @property {string} name
 * @property {string | null} infoHash
 * @property {FileState[]} files
 * @property {number} size bytes of the chosen files
 * @property {number} have bytes of them that are here
 * @property {number} hashed bytes read so far, while hashing
 * @property {number} down @property {number} up bytes per second
 * @property {number} received @property {number} sent bytes in all
 * @property {number} secondsLeft
 * @property {import('./peers.js').Peer[]} peers
 * @property {number} connecting @property {number} failed connections under way, and lately impossible
 * @property {number | null} known others, as the tracker counts them
 * @property {number} aloneSeconds since when nobody was connected
 * @property {ReturnType<TrackerLink['snapshot']>} tracker
 * @property {unknown} error when failed
 */

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
  #hashed = 0
  #total
  #down = new Smoothed()
  #up = new Smoothed()
  #aloneSince
  #announces = 0
  #announceAt
  /** @type {DiskStore | null} */
  store = null

  /**
   * @param {Torrent} torrent
   * @param {{ role: 'sender' | 'receiver', name?: string, total?: number, clock?: () => number }} options
   */
  constructor (torrent, { role, name = '', total = 0, clock = () => performance.now() }) {
    super()
    this.role = role
    this.#torrent = torrent
    this.#clock = clock
    this.#name = name
    this.#total = total
    this.#phase = role === 'sender' ? 'hashing' : 'finding'
    this.#tracker = new TrackerLink(torrent)
    this.#peers = new PeerBook(torrent, clock)
    this.#aloneSince = clock()
    this.#announceAt = this.#aloneSince + retryDelay(role === 'receiver' ? 0 : 3, Math.random())
    torrent.on('metadata', () => this.#onMetadata())
    torrent.on('ready', () => this.#onReady())
    torrent.on('error', error => this.fail(error))
  }

  get phase () { return this.#phase }

  /** Whether closing the page now would cut somebody off. */
  get underWay () {
    if (this.#phase === 'hashing' || this.#phase === 'downloading') return true
    const unfinished = this.#peers.list(this.#clock()).some(peer => peer.progress < 1 && peer.up > 0)
    return (this.#phase === 'sharing' || this.#phase === 'done') && unfinished
  }

  /** How far hashing is. @param {number} bytes */
  onHashed (bytes) { this.#hashed = bytes }

  /**
   * Fetches these files and no others; may be called again with another choice.
   * @param {Iterable<number>} indices
   */
  download (indices) {
    if (this.role !== 'receiver' || !this.#torrent.ready) return
    this.choose(indices)
    // All off, then on again: a piece shared by two files must stay wanted when one of them is dropped.
    for (const file of this.#torrent.files) file.deselect()
    for (const index of this.#chosen) this.#torrent.files[index]?.select()
    this.#enter('downloading')
    this.#checkDone()
  }

  /** Notes which files are wanted, before the download starts. @param {Iterable<number>} indices */
  choose (indices) { this.#chosen = new Set(indices) }

  /**
   * Whether a file is being watched while it loads. Then its pieces come in order; else the rarest come first, so
   * that receivers soon have something to give to each other.
   * @param {boolean} watched
   */
  setWatched (watched) { this.#torrent.strategy = watched ? 'sequential' : 'rarest' }

  /** The bytes of a file, waiting for what is not here yet. @param {number} index @param {{ start: number, end: number }} range both ends included */
  read (index, range) {
    const file = this.#torrent.files[index]
    if (!file) throw new Error('no such file')
    return file.stream(range)
  }

  retryTracker () { this.#tracker.retryNow() }

  /** Ends it and forgets what was stored. */
  stop () {
    this.#end('stopped', { destroyStore: true })
  }

  /** Ends it; what was stored stays for another attempt. @param {unknown} error */
  fail (error) {
    if (this.#phase === 'stopped' || this.#phase === 'failed') return
    this.#error = error
    this.#end('failed', { destroyStore: false })
  }

  /** Keeps speeds, tracker and repeated announces going; called every half second. */
  tick () {
    if (this.#torrent.destroyed) return
    const now = this.#clock()
    this.#tracker.tick(now)
    this.#down.add(this.#torrent.downloadSpeed, now)
    this.#up.add(this.#torrent.uploadSpeed, now)
    this.#checkDone()
    this.#announceWhileAlone(now)
  }

  /** @returns {Snapshot} */
  snapshot () {
    const now = this.#clock()
    const torrent = this.#torrent
    const gone = torrent.destroyed
    const files = gone ? [] : this.#files()
    const wanted = files.filter(({ chosen }) => chosen)
    const size = wanted.reduce((sum, file) => sum + file.size, 0) || (this.role === 'sender' ? this.#total : 0)
    const have = wanted.reduce((sum, file) => sum + file.have, 0)
    const peers = gone ? [] : this.#peers.list(now)
    if (peers.length) this.#aloneSince = now
    return {
      role: this.role,
      phase: this.#phase,
      name: torrent.name || this.#name,
      infoHash: torrent.infoHash ?? null,
      files,
      size,
      have,
      hashed: this.#hashed,
      down: gone ? 0 : this.#down.value,
      up: gone ? 0 : this.#up.value,
      received: torrent.received,
      sent: torrent.uploaded,
      secondsLeft: secondsLeft(size - have, this.#down.value),
      peers,
      failed: this.#peers.failed(now),
      connecting: gone ? 0 : this.#peers.connecting,
      known: this.#tracker.known,
      aloneSeconds: (now - this.#aloneSince) / 1000,
      tracker: this.#tracker.snapshot(now),
      error: this.#error
    }
  }

  /** @returns {FileState[]} */
  #files () {
    const { files, ready } = this.#torrent
    // Before the metadata there are none; the descriptions then are not File objects yet.
    if (!ready && this.#phase === 'finding') return []
    return files.map(({ name, path, length, done, downloaded }, index) => ({
      index,
      name,
      path,
      size: length,
      have: done ? length : downloaded ?? 0,
      chosen: this.#chosen.has(index),
      done
    }))
  }

  #onMetadata () {
    this.#chosen = new Set(this.#torrent.files.keys())
    if (this.role === 'receiver') this.#enter('checking')
  }

  #onReady () {
    if (this.role === 'sender') return this.#enter('sharing')
    // Everything may be here already, from before a reload.
    this.#enter(this.#torrent.files.every(({ done }) => done) && this.#torrent.done ? 'done' : 'offered')
    this.#checkDone()
  }

  #checkDone () {
    if (this.#phase !== 'downloading' && this.#phase !== 'offered') return
    const { files } = this.#torrent
    const all = this.#phase === 'offered' ? [...files.keys()] : [...this.#chosen]
    if (all.length && all.every(index => files[index]?.done)) this.#enter('done')
  }

  /**
   * Two browsers whose offers cross drop each other and would meet again only at the next regular announce,
   * minutes later. While nobody is connected the tracker is therefore asked again, more and more rarely, and
   * less often by the sender, so that the two do not cross again.
   * @param {number} now
   */
  #announceWhileAlone (now) {
    const patience = this.role === 'receiver' ? 0 : 3
    if (this.#torrent.wires.length > 0) {
      this.#announces = 0
    } else if (now >= this.#announceAt) {
      if (this.role === 'receiver' || (this.#tracker.known ?? 0) > 0) this.#tracker.announce()
      this.#announces++
    } else {
      return
    }
    this.#announceAt = now + retryDelay(this.#announces + patience, Math.random())
  }

  /** @param {Phase} phase */
  #enter (phase) {
    if (this.#phase === phase || this.#phase === 'stopped' || this.#phase === 'failed') return
    this.#phase = phase
    this.dispatchEvent(new Event('phase'))
  }

  /** @param {'stopped' | 'failed'} phase @param {{ destroyStore: boolean }} options */
  #end (phase, options) {
    this.#enter(phase)
    this.dispatchEvent(new Event('end'))
    if (!this.#torrent.destroyed) this.#torrent.destroy(options)
  }
}
