// @ts-check
// Stores a download in a folder of the origin private file system, which survives a reload, or in memory if the browser
// refuses that. It implements webtorrent's chunk store interface. The info-hash names the folder. A Web Lock marks the
// folder as in use for other tabs.

import { workerUrl } from '../../common/trusted-script.js'
import { OWN_WORKER, WORKER_TEXT } from './worker-source.js'

const FOLDER = 'swarmhub'
/** An unused download is removed after this time. */
const KEEP_MS = 24 * 3600 * 1000
/** Longest wait for another tab that releases the same download. */
const LOCK_MS = 1500
/** Approximate length of the files of a download; each file holds whole pieces. */
const SEGMENT_BYTES = 64 * 1024 * 1024

/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').Done} Done */
/** @typedef {import('../lib/storage-texts.js').MemoryCause} MemoryCause */
/** @typedef {{ offset?: number, length?: number }} Part */
/**
 * @typedef {object} Backend
 * @property {(at: number, bytes: Uint8Array) => Promise<void>} write
 * @property {(at: number, length: number) => Promise<Uint8Array>} read
 * @property {() => Promise<MemoryCause | null>} memoryCause null: on disk
 * @property {() => Promise<void>} close
 * @property {() => Promise<void>} remove
 */

export class DiskStore {
  /** @type {Promise<Backend>} */
  #backend
  /** Resolves to null if downloads are on disk. @type {Promise<MemoryCause | null>} */
  memoryCause

  /** @param {number} chunkLength @param {{ length: number, infoHash: string }} options */
  constructor(chunkLength, { length, infoHash }) {
    this.chunkLength = chunkLength
    this.length = length
    const segmentLength = chunkLength * Math.max(1, Math.floor(SEGMENT_BYTES / chunkLength))
    this.#backend = OpfsFolder.open(infoHash, segmentLength).catch(
      error => new Memory(chunkLength, error instanceof WorkerError ? 'page' : 'window')
    )
    this.memoryCause = this.#backend.then(backend => backend.memoryCause()).catch(() => null)
  }

  /** @param {number} index @param {Uint8Array} bytes @param {Done} [done] */
  put(index, bytes, done = () => {}) {
    settle(
      this.#backend.then(backend => backend.write(index * this.chunkLength, bytes)),
      done
    )
  }

  /** @param {number} index @param {Part | null | undefined | Done} part @param {Done} [done] @returns {void} */
  get(index, part, done = () => {}) {
    if (typeof part === 'function') return this.get(index, null, part)
    const start = index * this.chunkLength + (part?.offset ?? 0)
    const whole = Math.min(this.chunkLength, this.length - index * this.chunkLength)
    const length = part?.length ?? whole - (part?.offset ?? 0)
    settle(
      this.#backend.then(backend => backend.read(start, length)),
      done
    )
  }

  /** @param {Done} [done] */
  close(done = () => {}) {
    settle(
      this.#backend.then(backend => backend.close()),
      done
    )
  }

  /** @param {Done} [done] */
  destroy(done = () => {}) {
    settle(
      this.#backend.then(backend => backend.remove()),
      done
    )
  }
}

/** Removes downloads that no tab has used for a day. */
export async function removeOldDownloads(now = Date.now()) {
  if (!navigator.storage?.getDirectory || !navigator.locks) return
  const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true })
  const names = []
  for await (const { name, kind } of /** @type {any} */ (folder).values()) {
    if (kind === 'directory') names.push(name)
    // Earlier versions stored a download in one file.
    else await folder.removeEntry(name)
  }
  for (const name of names) {
    await navigator.locks.request(lockName(name), { ifAvailable: true }, async lock => {
      if (lock && now - (await lastWritten(await folder.getDirectoryHandle(name))) > KEEP_MS)
        await folder.removeEntry(name, { recursive: true })
    })
  }
}

/** @param {FileSystemDirectoryHandle} folder @returns {Promise<number>} milliseconds since 1970; 0 for an empty folder */
async function lastWritten(folder) {
  let last = 0
  for await (const handle of /** @type {any} */ (folder).values())
    last = Math.max(last, (await handle.getFile()).lastModified)
  return last
}

/** A folder of the private file system. A worker accesses it. @implements {Backend} */
class OpfsFolder {
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: unknown) => void }>} */
  #waiting = new Map()
  #next = 0
  #worker
  #unlock

  /** @param {string} infoHash @param {number} segmentLength bytes */
  static async open(infoHash, segmentLength) {
    if (!navigator.storage?.getDirectory || !navigator.locks) throw new Error('no private file system')
    // If another tab downloads the same files, this one stores its own copy.
    const own = `${infoHash}-${crypto.randomUUID().slice(0, 8)}`
    // Waits for the release by a page that was just reloaded, or by an attempt that just failed.
    const first = await lock(infoHash, LOCK_MS)
    const unlock = first ?? (await lock(own, LOCK_MS))
    if (!unlock) throw new Error('no lock')
    const folder = new OpfsFolder(startWorker(unlock), unlock)
    try {
      await folder.#ask('open', { folder: FOLDER, name: first ? infoHash : own, segmentLength })
    } catch (error) {
      folder.#end()
      throw error
    }
    return folder
  }

  /** @param {Worker} worker @param {() => void} unlock */
  constructor(worker, unlock) {
    this.#worker = worker
    this.#unlock = unlock
    worker.addEventListener('message', ({ data: { id, value, error } }) => {
      const { resolve, reject } = this.#waiting.get(id) ?? {}
      this.#waiting.delete(id)
      if (error) reject?.(Object.assign(new Error(error.message), { name: error.name }))
      else resolve?.(value)
    })
    worker.addEventListener('error', () => {
      for (const { reject } of this.#waiting.values())
        reject(OWN_WORKER ? new Error('the storage worker ended') : new WorkerError('the page forbids it'))
      this.#waiting.clear()
    })
  }

  /** @param {number} at @param {Uint8Array} bytes */
  write(at, bytes) {
    // The browser would clone the whole buffer of a view.
    return this.#ask('write', { at, bytes: bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice() })
  }

  /** @param {number} at @param {number} length @returns {Promise<Uint8Array>} */
  read(at, length) {
    return this.#ask('read', { at, length })
  }

  /** @returns {Promise<MemoryCause | null>} */
  async memoryCause() {
    return (await this.#ask('heldInMemory')) ? 'window' : null
  }

  async close() {
    await this.#ask('close').finally(() => this.#end())
  }

  async remove() {
    await this.#ask('remove').finally(() => this.#end())
  }

  #end() {
    this.#worker.terminate()
    this.#unlock()
  }

  /** @param {string} operation @param {object} [message] @returns {Promise<any>} */
  #ask(operation, message) {
    return new Promise((resolve, reject) => {
      const id = this.#next++
      this.#waiting.set(id, { resolve, reject })
      this.#worker.postMessage({ id, operation, ...message })
    })
  }
}

/** @implements {Backend} */
class Memory {
  /** Chunks by offset. @type {Map<number, Uint8Array>} */
  #chunks = new Map()
  #chunkLength
  #cause

  /** @param {number} chunkLength @param {MemoryCause} cause */
  constructor(chunkLength, cause) {
    this.#chunkLength = chunkLength
    this.#cause = cause
  }

  /** @param {number} at @param {Uint8Array} bytes */
  async write(at, bytes) {
    this.#chunks.set(at, bytes)
  }

  /** @param {number} at @param {number} length */
  async read(at, length) {
    const start = at - (at % this.#chunkLength)
    const bytes = this.#chunks.get(start)
    if (!bytes) throw new Error('not stored')
    return bytes.slice(at - start, at - start + length)
  }

  async memoryCause() {
    return this.#cause
  }
  async close() {
    this.#chunks.clear()
  }
  async remove() {
    this.#chunks.clear()
  }
}

/** The policy of the page does not let the worker start. */
class WorkerError extends Error {}

/** Starts the storage worker. @param {() => void} onError called before an error */
function startWorker(onError) {
  const url = OWN_WORKER ?? URL.createObjectURL(new Blob([WORKER_TEXT], { type: 'text/javascript' }))
  try {
    const worker = new Worker(workerUrl(url), { type: 'module' })
    // The browser has read the address when the worker answers or fails.
    if (!OWN_WORKER)
      for (const type of ['message', 'error'])
        worker.addEventListener(type, () => URL.revokeObjectURL(url), { once: true })
    return worker
  } catch (error) {
    onError()
    throw OWN_WORKER ? error : new WorkerError('the page forbids the storage worker', { cause: error })
  }
}

/** @param {string} name */
const lockName = name => `swarmhub-download-${name}`

/**
 * Acquires the lock, or returns null after a timeout. The returned function releases the lock.
 * @param {string} name @param {number} ms @returns {Promise<(() => void) | null>}
 */
function lock(name, ms) {
  return new Promise((resolve, reject) => {
    const held = () => new Promise(release => resolve(() => release(undefined)))
    navigator.locks
      .request(lockName(name), { signal: AbortSignal.timeout(ms) }, held)
      .catch(error => (error.name === 'TimeoutError' ? resolve(null) : reject(error)))
  })
}

/** @param {Promise<any>} promise @param {Done} done */
function settle(promise, done) {
  // Outside of the promise chain, because an exception of `done` is no error of this promise.
  promise.then(
    value => queueMicrotask(() => done(null, value)),
    error => queueMicrotask(() => done(error))
  )
}
