// @ts-check
// Decrypts a range of an encrypted content while its records arrive. Only the records of one piece are in memory. The
// contents of a torrent use it.

import { badRecord, concatenated, RECORD_BYTES, RECORD_CONTENT_BYTES, recordsOf } from '../lib/aes128gcm.js'

/** @typedef {import('../lib/aes128gcm.js').RecordCipher} RecordCipher */

/**
 * @param {ReadableStream<Uint8Array>} source the records that contain the range, from the start of the first
 * @param {RecordCipher} cipher
 * @param {{ start: number, end: number, finalRecord: number }} range of the content, inclusive; and the last record of it all
 * @returns {ReadableStream<Uint8Array>}
 */
export function decrypted(source, cipher, { start, end, finalRecord }) {
  const reader = source.getReader()
  const { first, last } = recordsOf(start, end)
  let next = first
  /** What arrived of the next records. @type {Uint8Array[]} */
  let parts = []
  let arrived = 0

  return new ReadableStream(
    {
      async pull(controller) {
        try {
          let isEnded = false
          // The final record may be shorter.
          while (arrived < RECORD_BYTES && !isEnded) {
            const { value, done } = await reader.read()
            isEnded = done
            if (value) {
              parts.push(value)
              arrived += value.byteLength
            }
          }
          const content = await decryptRecords(isEnded)
          if (content.byteLength === 0) throw new Error('the file ended early')
          controller.enqueue(content)
          if (next > last) {
            reader.cancel().catch(() => {})
            controller.close()
          }
        } catch (error) {
          reader.cancel().catch(() => {})
          throw error
        }
      },
      cancel: reason => reader.cancel(reason)
    },
    { highWaterMark: 0 }
  )

  /** Returns the content of the records that arrived, within the range. @param {boolean} isEnded whether the rest is a record */
  async function decryptRecords(isEnded) {
    const bytes = concatenated(parts)
    const count = Math.min(
      last - next + 1,
      isEnded ? Math.ceil(arrived / RECORD_BYTES) : Math.floor(arrived / RECORD_BYTES)
    )
    const from = next
    next += count
    parts = count * RECORD_BYTES < arrived ? [bytes.slice(count * RECORD_BYTES)] : []
    arrived = parts[0]?.byteLength ?? 0
    const contents = await Promise.all(
      Array.from({ length: count }, async (_, i) => {
        const record = bytes.subarray(i * RECORD_BYTES, (i + 1) * RECORD_BYTES)
        const content = await cipher.decrypt(from + i, record, from + i === finalRecord)
        // The padding of a shorter one would move all bytes behind it.
        if (from + i !== finalRecord && content.byteLength !== RECORD_CONTENT_BYTES)
          throw badRecord('a record is too short')
        return content
      })
    )
    const offset = from * RECORD_CONTENT_BYTES
    return concatenated(contents).subarray(Math.max(0, start - offset), end + 1 - offset)
  }
}

/**
 * Returns the same stream, and reports its error.
 * @param {ReadableStream<Uint8Array>} stream @param {(error: Error) => void} onError @returns {ReadableStream<Uint8Array>}
 */
export function watched(stream, onError) {
  const reader = stream.getReader()
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const { value, done } = await reader.read()
          if (done) controller.close()
          else controller.enqueue(value)
        } catch (error) {
          onError(/** @type {Error} */ (error))
          throw error
        }
      },
      cancel: reason => reader.cancel(reason)
    },
    { highWaterMark: 0 }
  )
}
