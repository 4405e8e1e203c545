// @ts-check
// Lists the files of dropped or pasted folders. It reads no file contents. chosen-files.js loads it on first use.

/** @typedef {import('./engine.js').Chosen} Chosen */

/** @param {FileSystemEntry[]} entries @returns {Promise<Chosen[]>} */
export const walkAll = async entries => (await Promise.all(entries.map(walk))).flat()

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
