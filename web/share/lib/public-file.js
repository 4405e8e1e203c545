// @ts-check
// A file of a transfer for programs: its names and sizes, and methods that read it. It uses no DOM.

import { safeType } from './media.js'

/** @typedef {import('../core/snapshot.js').FileState} FileState */
/** @typedef {import('../core/transfer.js').Transfer} Transfer */

/**
 * @typedef {object} PublicFile
 * @property {string} name from the sender, so it is untrusted
 * @property {string} path with the names of its folders
 * @property {number} size bytes
 * @property {number} have received bytes
 * @property {boolean} done whether it is complete
 * @property {() => ReadableStream<Uint8Array>} stream reads it, and waits for missing parts
 * @property {() => Promise<Blob>} blob reads all of it; its type is never one that can run script
 */

/** Returns the files of a transfer; those of a sender are complete. @param {Transfer} transfer @param {import('../core/snapshot.js').Snapshot} now */
export const publicFiles = (transfer, { role, files }) =>
  files.map(file => publicFile(transfer, role === 'sender' ? { ...file, have: file.size, done: true } : file))

/** @param {Transfer} transfer @param {FileState} file @returns {PublicFile} */
export function publicFile(transfer, { index, name, path, size, have, done }) {
  const stream = () => (size ? transfer.read(index, { start: 0, end: size - 1 }) : new Blob([]).stream())
  const blob = async () => (await new Response(stream()).blob()).slice(0, size, safeType(name))
  return { name, path, size, have, done, stream, blob }
}
