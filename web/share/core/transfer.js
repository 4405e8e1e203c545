// @ts-check
// One transfer, of a sender or a receiver. It controls webtorrent's torrent and returns its state as a snapshot. It draws
// nothing. The engine creates it.

import { Smoothed } from '../lib/estimate.js'
import { parseLink } from '../lib/link.js'
import { PeerNumbers } from '../lib/peer-numbers.js'
import { PeerList } from './peers.js'
import { PieceWindow } from './piece-window.js'
import { Reannouncer } from './reannouncer.js'
import { watched } from './record-reader.js'
import { failure } from './share-lock.js'
import { fileStates, totals } from './snapshot.js'
import { TrackerLink } from './tracker-link.js'

/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').Torrent} Torrent */
/** @typedef {import('./contents.js').Contents} Contents */
/** @typedef {import('./disk-store.js').DiskStore} DiskStore */

/** @typedef {import('./snapshot.js').Phase} Phase */
/** @typedef {import('./snapshot.js').FileState} FileState */
/** @typedef {import('./snapshot.js').Snapshot} Snapshot */

/** Opens what is received; called after the metadata. @typedef {(password: string) => Promise<Contents>} Open */

export class Transfer extends EventTarget {
  role
  #torrent
  #clock
  #tracker
  #peers
  /** @type {Phase} */
  #phase
  /** @type {unknown} */
  #error = null
  /** @type {Set<number>} */
  #chosen = new Set()
  /** Null before names and sizes are known. @type {Contents | null} */
  #contents
  /** Null for a sender. @type {Open | null} */
  #open
  #address
  #isEncrypted
  #hasPassword
  #isPasswordWrong = false
  #down = new Smoothed()
  #up = new Smoothed()
  #reannouncer
  /** Selects the pieces of a receiver; null before the metadata. @type {PieceWindow | null} */
  #window = null
  /** @type {DiskStore | null} */
  store = null
  peerNumbers = new PeerNumbers()

  /**
   * @param {Torrent} torrent
   * @param {{ address: string, sent: Contents, peerNumbers?: PeerNumbers } | { address: string, open: Open }} side
   *   `address`: what links to this share have in their fragment; `sent`: what the sender shares; `peerNumbers`: of an
   *   earlier share of the same page
   * @param {() => number} [clock]
   */
  constructor(torrent, side, clock = () => performance.now()) {
    super()
    this.#torrent = torrent
    this.#clock = clock
    this.#address = side.address
    const link = parseLink(side.address)
    this.#isEncrypted = link.kind === 'share' && link.key !== null
    this.#hasPassword = link.kind === 'share' && link.hasPassword
    const isSender = 'sent' in side
    this.role = /** @type {'sender' | 'receiver'} */ (isSender ? 'sender' : 'receiver')
    this.#contents = isSender ? side.sent : null
    this.#open = isSender ? null : side.open
    this.#chosen = new Set(this.#contents?.files.keys())
    this.#phase = isSender ? 'hashing' : 'finding'
    this.#tracker = new TrackerLink(torrent)
    if (isSender && side.peerNumbers) this.peerNumbers = side.peerNumbers
    this.#peers = new PeerList(torrent, clock, this.peerNumbers)
    this.#reannouncer = new Reannouncer(this.role, this.#tracker, clock())
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

  /** When the share expires, in milliseconds since 1970; null: never, or it is unknown. */
  get expires() {
    return this.#contents?.expires ?? null
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
    if (this.role !== 'receiver' || !this.#torrent.ready || !this.#contents) return
    this.choose(indices)
    this.#want()
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
      const settled = new AbortController()
      const check = () => {
        if (this.#phase === phase) resolve()
        else if (this.#phase === 'failed') reject(this.#error)
        else if (this.#phase === 'stopped') reject(new DOMException('the transfer has ended', 'AbortError'))
        else return
        settled.abort()
      }
      this.addEventListener('phase', check, { signal: settled.signal })
      check()
    })
  }

  /** Returns the bytes of a file, and waits for missing ones. @param {number} index @param {{ start: number, end: number }} range inclusive */
  read(index, range) {
    const file = this.#contents?.files[index]
    if (!file) throw new Error('no such file')
    // The sender made the record so, and no peer has a better one.
    return watched(file.read(range, this.#window), error => {
      if (error.name === 'BadRecordError') this.fail(error)
    })
  }

  /** Opens the contents of a receiver with the password of the share. @param {string} password @returns {Promise<boolean>} whether it fits */
  async unlock(password) {
    if (this.#phase !== 'locked' || !this.#open) return false
    this.#tellPassword(false)
    try {
      const contents = await this.#open(password)
      if (this.#phase === 'locked') this.#onOpened(contents)
      return true
    } catch (error) {
      if (this.#phase !== 'locked') return false
      if (/** @type {Error} */ (error).name === 'WrongPasswordError') {
        this.#tellPassword(true)
      } else {
        this.fail(error)
      }
      return false
    }
  }

  /** @param {boolean} isWrong */
  #tellPassword(isWrong) {
    if (this.#isPasswordWrong === isWrong) return
    this.#isPasswordWrong = isWrong
    this.dispatchEvent(new Event('phase'))
  }

  retryTracker() {
    this.#tracker.retryNow()
  }

  /** Ends the transfer. @param {{ destroyStore?: boolean }} [options] whether it deletes the stored data, the default */
  stop({ destroyStore = true } = {}) {
    this.#end('stopped', { destroyStore })
  }

  /** Ends the transfer with an error. The stored data stay for the next attempt. @param {unknown} error */
  fail(error) {
    if (this.#phase === 'stopped' || this.#phase === 'failed') return
    if (/** @type {Partial<Error> | null} */ (error)?.name === 'ExpiredShareError') return this.#expire()
    this.#error = error
    this.#end('failed', { destroyStore: false })
  }

  /** Updates speeds, tracker connection, peers, piece selection and announces. Called twice a second. */
  tick() {
    if (this.#torrent.destroyed) return
    if (this.expires !== null && Date.now() >= this.expires) return this.#expire()
    const now = this.#clock()
    this.#tracker.tick(now)
    this.#peers.tick(now)
    this.#down.add(this.#torrent.downloadSpeed, now)
    this.#up.add(this.#torrent.uploadSpeed, now)
    this.#window?.refill()
    this.#checkDone()
    this.#reannouncer.tick(now, this.#torrent.wires.length === 0)
  }

  /** Returns what is sent to whom, without the files: a share can have very many. */
  traffic() {
    const peers = this.#torrent.destroyed ? [] : this.#peers.list(this.#clock())
    return { peers, up: peers.length ? this.#up.value : 0, sent: this.#torrent.uploaded }
  }

  /** @returns {Snapshot} */
  snapshot() {
    const now = this.#clock()
    const torrent = this.#torrent
    const isDestroyed = torrent.destroyed
    const files = isDestroyed ? [] : fileStates(this.#contents?.files ?? [], this.#chosen)
    const peers = isDestroyed ? [] : this.#peers.list(now)
    const sums = totals(files, { down: this.#down.value, up: this.#up.value, alone: peers.length === 0 })
    return {
      ...sums,
      role: this.role,
      phase: this.#phase,
      name: this.#contents?.name ?? '',
      infoHash: this.infoHash,
      address: this.#address,
      isEncrypted: this.#isEncrypted,
      hasPassword: this.#hasPassword,
      isPasswordWrong: this.#isPasswordWrong,
      expires: this.expires,
      earlier: 0,
      endedEarlier: 0,
      files,
      hashed: sums.size,
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

  async #onMetadata() {
    if (!this.#open) return
    if (this.#hasPassword) return this.#enter('locked')
    try {
      this.#onOpened(await this.#open(''))
    } catch (error) {
      this.fail(error)
    }
  }

  /** @param {Contents} contents */
  #onOpened(contents) {
    this.#contents = contents
    this.#isPasswordWrong = false
    this.#chosen = new Set(contents.files.keys())
    this.#enter('checking')
    if (this.#torrent.ready) this.#onReady()
  }

  #onReady() {
    if (this.role === 'sender') return this.#enter('sharing')
    if (!this.#contents || this.#window) return
    this.#window = new PieceWindow(this.#torrent)
    this.#enter('offered')
    // After a reload, the files may be complete.
    this.#checkDone()
    if (this.#phase === 'done') this.#want()
  }

  /** Selects the pieces of the chosen files. */
  #want() {
    const files = this.#contents?.files ?? []
    const spans = [...this.#chosen].flatMap(index => files[index]?.span ?? [])
    const whole = { offset: 0, length: this.#torrent.length }
    // With the padding behind the last file, so that this peer has everything for others.
    this.#window?.want(this.#chosen.size === files.length ? [whole] : spans)
  }

  #checkDone() {
    if (this.#phase !== 'downloading' && this.#phase !== 'offered') return
    const files = this.#contents?.files ?? []
    const all = this.#phase === 'offered' ? [...files.keys()] : [...this.#chosen]
    if (all.length && all.every(index => files[index]?.done)) this.#enter('done')
  }

  /** Ends an expired share. A receiver keeps nothing of it. */
  #expire() {
    this.#error = failure('ExpiredShareError', 'the share has expired')
    this.#end('failed', { destroyStore: true })
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
