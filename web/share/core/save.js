// @ts-check
// Saves complete files as downloads of the browser: as a stream of the service worker, else into a file that the user
// picks, else as a Blob. Only the Blob is in memory. Several files become one ZIP archive. The session uses it.

import { t } from '../../common/words.js'
import { archiveEntries, archiveLength, archiveStream } from '../lib/archive.js'
import { safeFileName } from '../lib/names.js'

/** @typedef {import('./transfer.js').Transfer} Transfer */
/** @typedef {import('./transfer.js').FileState} FileState */
/** @typedef {import('./stream-server.js').StreamServer} StreamServer */
/** @typedef {import('./stream-server.js').Resource} Resource */

/** @typedef {() => void} OnSaved called after the last byte; not called if the user cancels */

/** A file that is saved by itself, and not by a click, takes at most this memory. */
const BLOB_BYTES_MAX = 256 * 1024 * 1024

/**
 * Whether saving has to wait for a click: the save dialog opens only then, and a big file in memory should be wanted.
 * @param {StreamServer | null} server @param {number} size bytes of all files
 */
export const needsClick = (server, size) => !server && ('showSaveFilePicker' in window || size > BLOB_BYTES_MAX)

/** @param {Transfer} transfer @param {FileState} file @param {StreamServer | null} server @param {OnSaved} onSaved */
export function saveFile(transfer, { index, name, size }, server, onSaved) {
  return save(server, {
    delivered: onSaved,
    name: safeFileName(name),
    type: 'application/octet-stream',
    size,
    attachment: true,
    seekable: true,
    open: (start, end) => transfer.read(index, { start, end })
  })
}

/** @param {Transfer} transfer @param {FileState[]} files @param {string} name @param {StreamServer | null} server @param {OnSaved} onSaved */
export function saveAll(transfer, files, name, server, onSaved) {
  const entries = archiveEntries(files)
  return save(server, {
    delivered: onSaved,
    name: `${safeFileName(name, 'files')}.zip`,
    type: 'application/zip',
    size: archiveLength(entries),
    attachment: true,
    seekable: false,
    open: () =>
      archiveStream(entries, i => {
        const { index, size } = /** @type {FileState} */ (files[i])
        return transfer.read(index, { start: 0, end: size - 1 })
      })
  })
}

/** @param {StreamServer | null} server @param {Resource} resource */
async function save(server, resource) {
  if (server) return saveByWorker(server, resource)
  const whole = () => (resource.size ? resource.open(0, resource.size - 1) : new Blob([]).stream())
  const pick = /** @type {any} */ (window).showSaveFilePicker
  if (pick) {
    const handle = await pick.call(window, { suggestedName: resource.name })
    await whole().pipeTo(await handle.createWritable())
    return resource.delivered?.()
  }
  // Browsers move big Blobs to the disk.
  const url = URL.createObjectURL(await new Response(whole()).blob())
  const link = Object.assign(document.createElement('a'), { href: url, download: resource.name })
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
  resource.delivered?.()
}

/** The address stays valid as long as the page, because browsers can pause and resume a download. @param {StreamServer} server @param {Resource} resource */
function saveByWorker(server, resource) {
  // In a frame, because a navigation of the page would ask whether to leave it.
  const frame = document.createElement('iframe')
  frame.hidden = true
  frame.title = t('Download')
  frame.src = server.publish(resource).url
  document.body.append(frame)
  setTimeout(() => frame.remove(), 120_000)
}
