// @ts-check
// Lists the files that the user dropped or chose, with their paths. It walks folders and reads no file contents. The
// start view, the drop target and the element use it.

/** @typedef {import('./engine.js').Chosen} Chosen */

/** @param {FileList | null} list of an input; files of a folder have relative paths @returns {Chosen[]} */
export const fromInput = list => fromFiles(list ?? [])

/** @param {Iterable<File>} files @returns {Chosen[]} */
export const fromFiles = files => [...files].map(file => ({ file, path: file.webkitRelativePath || file.name }))

/** Whether a drag contains files. @param {DataTransfer | null} transfer */
export const bringsFiles = transfer => [...(transfer?.types ?? [])].includes('Files')

/**
 * Lists all files of a drop, including folders. Call it within the event: the browser empties the list afterwards.
 * @param {DataTransfer} transfer @returns {Promise<Chosen[]>}
 */
export async function fromDrop(transfer) {
  const entries = [...transfer.items]
    .filter(({ kind }) => kind === 'file')
    .map(item => item.webkitGetAsEntry?.() ?? null)
  if (entries.length === 0 || entries.includes(null)) return fromInput(transfer.files)
  const found = await Promise.all(entries.map(entry => walk(/** @type {FileSystemEntry} */ (entry))))
  return found.flat()
}

/** @param {FileSystemEntry} entry @returns {Promise<Chosen[]>} */
async function walk(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) =>
      /** @type {FileSystemFileEntry} */ (entry).file(resolve, reject)
    )
    return [{ file, path: entry.fullPath.replace(/^\//, '') }]
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader()
  const found = []
  for (;;) {
    /** @type {FileSystemEntry[]} browsers return at most 100 at a time */
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))
    if (some.length === 0) return found
    for (const child of some) found.push(...(await walk(child)))
  }
}
