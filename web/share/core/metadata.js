// @ts-check
// Keeps webtorrent from decoding and encoding the whole info dictionary again and again: three times when it arrives (BEP 9), and
// for each connection. With ten thousand files that takes a third of a second each time. Used by the engine.

/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').Torrent} Torrent */
/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').Wire} Wire */

const EMPTY_DICTIONARY = new TextEncoder().encode('de')

/**
 * The info dictionary, hashed and sent as it is. A decoder takes a copy of the whole first, and gets an empty dictionary:
 * what the extension looks for in it, a dictionary `info` within, is in neither.
 */
class InfoBytes extends Uint8Array {
  /** @override @param {number} [start] @param {number} [end] */
  slice(start, end) {
    return start === undefined && end === undefined ? EMPTY_DICTIONARY.slice() : super.slice(start, end)
  }
}

/** To be called before the torrent has a connection. @param {Torrent} torrent */
export function spareMetadata(torrent) {
  const process = torrent._processParsedTorrent
  // It would be encoded for a file of the torrent, which nobody asks for.
  torrent._processParsedTorrent = parsed => process.call(torrent, parsed.info ? { ...parsed, info: {} } : parsed)
  torrent.on('metadata', () => {
    torrent.metadata = new InfoBytes(torrent.infoBuffer)
  })
  torrent.on('wire', (/** @type {Wire} */ { ut_metadata: extension }) => {
    if (torrent.metadata) return
    const { setMetadata } = extension
    extension.setMetadata = bytes => setMetadata.call(extension, new InfoBytes(bytes))
    extension.removeAllListeners('metadata')
    extension.on('metadata', () => torrent._onMetadata(torrentFile(extension.metadata)))
  })
}

/** @param {Uint8Array} info in bencode */
function torrentFile(info) {
  const bytes = new Uint8Array(info.length + 8)
  bytes.set(new TextEncoder().encode('d4:info'))
  bytes.set(info, 7)
  bytes.set(new TextEncoder().encode('e'), info.length + 7)
  return bytes
}
