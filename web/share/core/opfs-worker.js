// @ts-check
// Reads and writes one download in the origin's private file system, in a worker because only there browsers offer
// the fast synchronous access that all of them have. A download is a folder of segments: where the file system is
// held in memory (private windows) a browser refuses one big file long before its quota is reached, and allocates
// everything before the place that is written. Started by disk-store.js, one per download.

/** @typedef {{ write (bytes: Uint8Array, at: { at: number }): number, read (bytes: Uint8Array, at: { at: number }): number, truncate (length: number): void, getSize (): number, flush (): void, close (): void }} Access */

/** Handles kept open; browsers hold a file descriptor for each. */
const HANDLES_MAX = 16
/** More than one block of memory that any browser allocates, and nothing on a disk with sparse files. */
const PROBE_BYTES = 2 ** 31 + 2 ** 20

/** @type {FileSystemDirectoryHandle | null} the folder of all downloads */
let downloads = null
/** @type {FileSystemDirectoryHandle | null} the one of this download */
let folder = null
let folderName = ''
let segmentLength = 0
/** Open segments, the one used last at the end. @type {Map<number, Access>} */
const handles = new Map()

/** @type {Record<string, (message: any) => any>} */
const operations = {
  async open(message) {
    folderName = message.name
    segmentLength = message.segmentLength
    downloads = await (await navigator.storage.getDirectory()).getDirectoryHandle(message.folder, { create: true })
    folder = await downloads.getDirectoryHandle(folderName, { create: true })
    // Fails here, and not at the first piece, where a browser offers the folders but no access to files.
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
    // Past the end means: never written. A hole reads as zeros and fails its hash.
    if (!access || start + length > access.getSize()) throw new DOMException('not stored', 'NotFoundError')
    const bytes = new Uint8Array(length)
    access.read(bytes, { at: start })
    return bytes
  },
  /** Whether the file system is held in memory. Browsers don't say so, and their estimate of the quota hides it. */
  async heldInMemory() {
    const name = 'probe'
    const access = await accessTo(await opened().getFileHandle(name, { create: true }))
    try {
      access.truncate(PROBE_BYTES)
      return access.getSize() !== PROBE_BYTES
    } catch {
      // The quota of a disk that is nearly full refuses by an error, memory without one.
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

/** The segment with this number; null where it does not exist and is not to be made. @param {number} index @param {boolean} create */
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

/** One operation at a time: a segment may have one handle only, and opening it takes a moment. */
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
