// @ts-check
// Lists the files that the user dropped, pasted or chose, with their paths. It reads no file contents.

/** @typedef {import('./engine.js').Chosen} Chosen */

/** @param {FileList | null} list of an input; files of a folder have relative paths @returns {Chosen[]} */
export const fromInput = list => fromFiles(list ?? [])

/** @param {Iterable<File>} files @returns {Chosen[]} */
export const fromFiles = files => [...files].map(file => ({ file, path: file.webkitRelativePath || file.name }))

/** Whether a drag contains files. @param {DataTransfer | null} transfer */
export const bringsFiles = transfer => [...(transfer?.types ?? [])].includes('Files')

/**
 * Lists all files of a drop or of the clipboard, also in folders. Call it within the event, after which the list is empty.
 * @param {DataTransfer} transfer @returns {Promise<Chosen[]>}
 */
export async function fromDrop(transfer) {
  const entries = [...transfer.items]
    .filter(({ kind }) => kind === 'file')
    .map(item => item.webkitGetAsEntry?.() ?? null)
  if (entries.length === 0 || entries.includes(null)) return fromInput(transfer.files)
  const { walkAll } = await import('./folder-walk.js')
  return walkAll(/** @type {FileSystemEntry[]} */ (entries))
}
