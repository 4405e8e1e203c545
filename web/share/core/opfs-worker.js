// @ts-check
// Reads and writes one file of the origin's private file system, in a worker because only there browsers offer
// the fast synchronous access that all of them have. Started by disk-store.js, one per download.

/** @typedef {{ write (bytes: Uint8Array, at: { at: number }): number, read (bytes: Uint8Array, at: { at: number }): number, getSize (): number, flush (): void, close (): void }} Access */

/** @type {Access | null} */
let access = null
/** @type {FileSystemDirectoryHandle | null} */
let folder = null
let fileName = ''

/** @type {Record<string, (message: any) => any>} */
const operations = {
  async open (message) {
    fileName = message.name
    folder = await (await navigator.storage.getDirectory()).getDirectoryHandle(message.folder, { create: true })
    const handle = /** @type {any} */ (await folder.getFileHandle(fileName, { create: true }))
    access = await handle.createSyncAccessHandle()
  },
  write ({ bytes, at }) {
    const written = opened().write(bytes, { at })
    if (written !== bytes.byteLength) throw new DOMException('no space left', 'QuotaExceededError')
  },
  read ({ at, length }) {
    // Past the end means: never written. A hole reads as zeros and fails its hash.
    if (at + length > opened().getSize()) throw new DOMException('not stored', 'NotFoundError')
    const bytes = new Uint8Array(length)
    opened().read(bytes, { at })
    return bytes
  },
  close () {
    access?.flush()
    access?.close()
    access = null
  },
  async remove () {
    access?.close()
    access = null
    await folder?.removeEntry(fileName)
  }
}

function opened () {
  if (!access) throw new DOMException('the store is closed', 'InvalidStateError')
  return access
}

self.addEventListener('message', async ({ data: { id, operation, ...message } }) => {
  const post = /** @type {(message: any, transfer?: Transferable[]) => void} */ (self.postMessage.bind(self))
  try {
    const value = await operations[operation]?.(message)
    post({ id, value }, value instanceof Uint8Array ? [value.buffer] : [])
  } catch (error) {
    const { name, message } = /** @type {Error} */ (error)
    post({ id, error: { name, message } })
  }
})
