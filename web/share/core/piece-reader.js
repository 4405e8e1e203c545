// @ts-check
// Reads a file while it is still arriving. webtorrent selects everything between the place of a reader and the end
// that it asks for; so this asks for one piece at a time, and tells the window what comes next. Used by transfers.

/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').TorrentFile} TorrentFile */
/** @typedef {import('./piece-window.js').PieceWindow} PieceWindow */

/**
 * @param {TorrentFile} file @param {{ start: number, end: number }} range both ends included
 * @param {number} pieceLength @param {PieceWindow | null} window null: nothing has to be fetched
 * @returns {ReadableStream<Uint8Array>}
 */
export function readThrough(file, { start, end }, pieceLength, window) {
  let at = start
  const reader = {}
  /** @type {ReadableStreamDefaultReader<Uint8Array> | null} the piece that is being read */
  let current = null
  /** How much of it is left. */
  let left = 0
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          if (!current) {
            window?.need(reader, { start: file.offset + at, end: file.offset + end })
            left = Math.min(end + 1 - at, pieceLength - ((file.offset + at) % pieceLength))
            // Two bytes at least: the bundled client takes an end of 0 for the end of the file.
            current = file.stream({ start: at, end: Math.max(at + left - 1, 1) }).getReader()
          }
          const { value, done } = await current.read()
          if (done || !value) throw new Error('the file ended early')
          const bytes = value.byteLength > left ? value.subarray(0, left) : value
          controller.enqueue(bytes)
          at += bytes.byteLength
          left -= bytes.byteLength
          if (left === 0) letGo()
          if (at > end) {
            window?.need(reader, null)
            controller.close()
          }
        } catch (error) {
          letGo()
          window?.need(reader, null)
          throw error
        }
      },
      cancel() {
        letGo()
        window?.need(reader, null)
      }
    },
    { highWaterMark: 0 }
  )

  function letGo() {
    current?.cancel().catch(() => {})
    current = null
  }
}
