// @ts-check
// Turns the states of a session into the events of the element for programs: `shared`, `peer`, `progress`, `file`, `done`
// and `error`. docs/embed.md describes them. The view of the session calls it after each change.

import { emit } from '../../common/dom.js'
import { publicFile } from '../lib/public-file.js'

/** @typedef {import('../core/snapshot.js').Snapshot} Snapshot */
/** @typedef {import('../core/transfer.js').Transfer} Transfer */
/** @typedef {import('../lib/error-codes.js').CodedNotice} Notice */
/** @typedef {import('../lib/public-file.js').PublicFile} PublicFile */

/** @typedef {{ link: string, magnet: string, infoHash: string, files: PublicFile[] }} SharedDetail */
/** @typedef {{ type: 'joined' | 'left', id: string, path: import('../lib/connection-path.js').Path }} PeerDetail */
/** @typedef {{ phase: string, fraction: number, have: number, size: number, down: number, up: number }} ProgressDetail */
/** @typedef {{ infoHash: string, name: string, files: PublicFile[] }} DoneDetail */
/** @typedef {{ code: string, severity: 'error' | 'warning', cause: string, remedy: string }} ErrorDetail */

/** Twice a second; the timer of the view is not exact. */
const PROGRESS_MS_MIN = 480
/** A peer is reported at the latest after this time, although the path of its connection is not known. */
const PATH_MS_MAX = 3_000

export class EventReporter {
  #host
  #clock
  /** @type {Transfer | null} */
  #transfer = null
  /** Peers by id; `reported` is null until the event. @type {Map<string, { since: number, reported: PeerDetail['path'] | null }>} */
  #peers = new Map()
  /** Indices of the files that were reported. @type {Set<number>} */
  #files = new Set()
  /** The phase of the last event `progress`. */
  #phase = ''
  /** The last phase that was checked for `shared` and `done`. */
  #announced = ''
  #progress = ''
  #progressAt = -Infinity
  /** Shown errors. @type {Set<string>} */
  #errors = new Set()

  /** @param {HTMLElement} host fires the events @param {() => number} [clock] milliseconds */
  constructor(host, clock = () => performance.now()) {
    this.#host = host
    this.#clock = clock
  }

  /**
   * Reports what has changed.
   * @param {Snapshot | null} now @param {Transfer | null} transfer @param {() => SharedDetail} shared
   * @param {() => boolean} [isCurrent] asked after each event: false if its handler has caused another update
   * @param {Snapshot | null} [adding] the preparation of added files, which has the progress then
   */
  update(now, transfer, shared, isCurrent = () => true, adding = null) {
    if (transfer !== this.#transfer) this.#begin(transfer, now)
    if (!isCurrent()) return
    if (!now) {
      this.#phase = this.#announced = this.#progress = ''
      return
    }
    this.#reportProgress(adding ?? now)
    if (transfer && isCurrent()) this.#reportPeers(now, isCurrent)
    if (transfer && isCurrent() && now.role === 'receiver') this.#reportFiles(now, transfer, isCurrent)
    if (!isCurrent() || now.phase === this.#announced) return
    this.#announced = now.phase
    if (now.phase === 'sharing') emit(this.#host, 'shared', shared())
    if (now.phase === 'done' && transfer) emit(this.#host, 'done', doneDetail(now, transfer))
  }

  /** Reports each notice once, while it is shown. @param {Array<Notice | null>} notices @param {() => boolean} [isCurrent] */
  updateErrors(notices, isCurrent = () => true) {
    const shown = notices.filter(notice => notice?.code && notice.tone !== 'info')
    const codes = new Set(shown.map(notice => String(notice?.code)))
    for (const code of this.#errors) if (!codes.has(code)) this.#errors.delete(code)
    for (const notice of shown) {
      if (!notice?.code || this.#errors.has(notice.code)) continue
      this.#errors.add(notice.code)
      this.#reportError(notice.code, notice)
      if (!isCurrent()) return
    }
  }

  /** @param {string} code @param {Notice} notice */
  #reportError(code, { tone, title, text }) {
    const severity = tone === 'error' ? 'error' : 'warning'
    // Like all events of this name it does not bubble: `window.onerror` is for errors of scripts.
    this.#host.dispatchEvent(new CustomEvent('error', { detail: { code, severity, cause: title, remedy: text } }))
  }

  /** @param {Transfer | null} transfer @param {Snapshot | null} now */
  #begin(transfer, now) {
    this.#transfer = transfer
    this.#files = new Set()
    // A sender who has added files has a new link.
    this.#announced = ''
    // The receivers of a sender's earlier link stay.
    const staying = new Set(now?.role === 'sender' ? now.peers.map(({ id }) => id) : [])
    const left = [...this.#peers.keys()].filter(id => !staying.has(id))
    for (const id of left) this.#leave(id)
  }

  /** @param {Snapshot} now */
  #reportProgress({ phase, hashed, have, size, down, up }) {
    const done = phase === 'hashing' ? hashed : phase === 'sharing' ? size : have
    const fraction = size ? Math.min(1, done / size) : phase === 'done' || phase === 'sharing' ? 1 : 0
    const detail = { phase, fraction, have: done, size, down: Math.round(down), up: Math.round(up) }
    const text = JSON.stringify(detail)
    const at = this.#clock()
    // A new phase is reported at once.
    if (text === this.#progress || (phase === this.#phase && at - this.#progressAt < PROGRESS_MS_MIN)) return
    this.#phase = phase
    this.#progress = text
    this.#progressAt = at
    emit(this.#host, 'progress', detail)
  }

  /** @param {Snapshot} now @param {() => boolean} isCurrent */
  #reportPeers({ peers }, isCurrent) {
    const at = this.#clock()
    for (const id of this.#peers.keys()) if (!peers.some(peer => peer.id === id)) this.#leave(id)
    for (const { id, path } of peers) {
      if (!isCurrent()) return
      const known = this.#peers.get(id) ?? { since: at, reported: null }
      this.#peers.set(id, known)
      if (known.reported || (path === 'connecting' && at - known.since < PATH_MS_MAX)) continue
      known.reported = path
      emit(this.#host, 'peer', { type: 'joined', id, path })
    }
  }

  /** @param {string} id */
  #leave(id) {
    const path = this.#peers.get(id)?.reported
    this.#peers.delete(id)
    if (path) emit(this.#host, 'peer', { type: 'left', id, path })
  }

  /** @param {Snapshot} now @param {Transfer} transfer @param {() => boolean} isCurrent */
  #reportFiles({ phase, files }, transfer, isCurrent) {
    if (phase !== 'downloading' && phase !== 'done') return
    for (const file of files) {
      if (!file.done || !file.chosen || this.#files.has(file.index)) continue
      this.#files.add(file.index)
      emit(this.#host, 'file', publicFile(transfer, file))
      if (!isCurrent()) return
    }
  }
}

/** @param {Snapshot} now @param {Transfer} transfer @returns {DoneDetail} */
const doneDetail = ({ infoHash, name, files }, transfer) => ({
  infoHash: infoHash ?? '',
  name,
  files: files.filter(({ chosen }) => chosen).map(file => publicFile(transfer, file))
})
