// @ts-check
// Reads and writes one download in the origin private file system. It is a worker, because browsers offer synchronous
// access only there. A download is a folder of segments, because of private windows, whose file system is in memory:
// there a browser refuses a big file long before its quota, and allocates all bytes before the written ones.
// disk-store.js starts one worker per download.

/** @typedef {{ write (bytes: Uint8Array, at: { at: number }): number, read (bytes: Uint8Array, at: { at: number }): number, truncate (length: number): void, getSize (): number, flush (): void, close (): void }} Access */

/** Open handles; each needs a file descriptor. */
const HANDLES_MAX = 16
/** More than any browser allocates in one block of memory. On a disk, a sparse file of this size takes no space. */
const PROBE_BYTES = 2 ** 31 + 2 ** 20

/** The folder of all downloads. @type {FileSystemDirectoryHandle | null} */
let downloads = null
/** The folder of this download. @type {FileSystemDirectoryHandle | null} */
let folder = null
let folderName = ''
let segmentLength = 0
/** Open segments, the most recently used last. @type {Map<number, Access>} */
const handles = new Map()

/** @type {Record<string, (message: any) => any>} */
const operations = {
  async open(message) {
    folderName = message.name
    segmentLength = message.segmentLength
    downloads = await (await navigator.storage.getDirectory()).getDirectoryHandle(message.folder, { create: true })
    folder = await downloads.getDirectoryHandle(folderName, { create: true })
    // Some browsers have folders but no access to files: fail here and not at the first piece.
    await segment(0, true)
  },
  async write({ bytes, at }) {
    const access = await segment(Math.floor(at / segmentLength), true)
    if (access?.write(bytes, { at: at % segmentLength }) !== bytes.byteLength)
      throw new DOMException('no space left', 'QuotaExceededError')
  },
  async read({ at, length }) {
    const access = await segment(Math.floor(at / segmentLength), false)
    const start = at % segmentLength
    // Bytes past the end were never written. A hole reads as zeros and fails the hash check.
    if (!access || start + length > access.getSize()) throw new DOMException('not stored', 'NotFoundError')
    const bytes = new Uint8Array(length)
    access.read(bytes, { at: start })
    return bytes
  },
  /** Whether the file system is in memory. Browsers do not report it; this detects it with a big sparse file. */
  async heldInMemory() {
    const name = 'probe'
    const access = await accessTo(await opened().getFileHandle(name, { create: true }))
    try {
      access.truncate(PROBE_BYTES)
      return access.getSize() !== PROBE_BYTES
    } catch {
      // An almost full disk throws an error; memory does not.
      return false
    } finally {
      access.close()
      await opened().removeEntry(name)
    }
  },
  close() {
    for (const access of handles.values()) {
      access.flush()
      access.close()
    }
    handles.clear()
  },
  async remove() {
    for (const access of handles.values()) access.close()
    handles.clear()
    await downloads?.removeEntry(folderName, { recursive: true })
  }
}

/** Returns a segment, or null if it does not exist and `create` is false. @param {number} index @param {boolean} create */
async function segment(index, create) {
  let access = handles.get(index) ?? null
  handles.delete(index)
  access ??= await accessTo(await opened().getFileHandle(String(index), { create })).catch(error => {
    if (create || error.name !== 'NotFoundError') throw error
    return null
  })
  if (!access) return null
  handles.set(index, access)
  const [oldest] = handles.keys()
  if (handles.size > HANDLES_MAX && oldest !== undefined) {
    handles.get(oldest)?.close()
    handles.delete(oldest)
  }
  return access
}

/** @param {FileSystemFileHandle} handle @returns {Promise<Access>} */
const accessTo = handle => /** @type {any} */ (handle).createSyncAccessHandle()

function opened() {
  if (!folder) throw new DOMException('the store is closed', 'InvalidStateError')
  return folder
}

/** Serializes the operations: a segment can have only one handle, and opening is asynchronous. */
let last = Promise.resolve()

self.addEventListener('message', ({ data: { id, operation, ...message } }) => {
  const post = /** @type {(message: any, transfer?: Transferable[]) => void} */ (self.postMessage.bind(self))
  last = last.then(async () => {
    try {
      const value = await operations[operation]?.(message)
      post({ id, value }, value instanceof Uint8Array ? [value.buffer] : [])
    } catch (error) {
      const { name, message } = /** @type {Error} */ (error)
      post({ id, error: { name, message } })
    }
  })
})
