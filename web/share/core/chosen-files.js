// @ts-check
// What somebody dropped or chose, as files with their paths; folders are walked. Reads lists of the browser,
// never the content of a file. Used by the start view and the app.

/** @typedef {import('./engine.js').Chosen} Chosen */

/** @param {FileList | null} list of an input; folders come with relative paths @returns {Chosen[]} */
export const fromInput = list => [...(list ?? [])].map(file => ({ file, path: file.webkitRelativePath || file.name }))

/** Whether a drag brings files at all. @param {DataTransfer | null} transfer */
export const bringsFiles = transfer => [...(transfer?.types ?? [])].includes('Files')

/**
 * Everything in a drop, folders included. The list of a drop is emptied when its event ends, so call this within it.
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
    /** @type {FileSystemEntry[]} browsers hand out at most 100 at a time */
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))
    if (some.length === 0) return found
    for (const child of some) found.push(...(await walk(child)))
  }
}
