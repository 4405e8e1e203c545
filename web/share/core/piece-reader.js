// @ts-check
// Reads a file during its download. webtorrent selects everything from the position of a reader to its end. So this reads
// one piece at a time, and reports the next pieces to the PieceWindow. Transfers use it.

/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').TorrentFile} TorrentFile */
/** @typedef {import('./piece-window.js').PieceWindow} PieceWindow */

/**
 * @param {TorrentFile} file @param {{ start: number, end: number }} range both ends included
 * @param {number} pieceLength @param {PieceWindow | null} window null: the file is complete
 * @returns {ReadableStream<Uint8Array>}
 */
export function readThrough(file, { start, end }, pieceLength, window) {
  let at = start
  const reader = {}
  /** Reads the current piece. @type {ReadableStreamDefaultReader<Uint8Array> | null} */
  let current = null
  /** Remaining bytes of the current piece. */
  let left = 0
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          if (!current) {
            window?.need(reader, { start: file.offset + at, end: file.offset + end })
            left = Math.min(end + 1 - at, pieceLength - ((file.offset + at) % pieceLength))
            // At least two bytes: webtorrent treats an end of 0 as the end of the file.
            current = file.stream({ start: at, end: Math.max(at + left - 1, 1) }).getReader()
          }
          const { value, done } = await current.read()
          if (done || !value) throw new Error('the file ended early')
          const bytes = value.byteLength > left ? value.subarray(0, left) : value
          controller.enqueue(bytes)
          at += bytes.byteLength
          left -= bytes.byteLength
          if (left === 0) release()
          if (at > end) {
            window?.need(reader, null)
            controller.close()
          }
        } catch (error) {
          release()
          window?.need(reader, null)
          throw error
        }
      },
      cancel() {
        release()
        window?.need(reader, null)
      }
    },
    { highWaterMark: 0 }
  )

  function release() {
    current?.cancel().catch(() => {})
    current = null
  }
}
