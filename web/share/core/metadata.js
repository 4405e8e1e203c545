// @ts-check
// Keeps webtorrent from decoding and encoding the info dictionary (BEP 9) repeatedly: three times when it arrives, and
// once per connection. With 10,000 files, each time takes a third of a second. The engine uses it.

/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').Torrent} Torrent */
/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').Wire} Wire */

const EMPTY_DICTIONARY = new TextEncoder().encode('de')

/**
 * The info dictionary for hashing and sending. A decoder first copies the whole array and gets an empty dictionary
 * instead. The extension looks for a dictionary `info` within, which neither of both contains.
 */
class InfoBytes extends Uint8Array {
  /** @override @param {number} [start] @param {number} [end] */
  slice(start, end) {
    return start === undefined && end === undefined ? EMPTY_DICTIONARY.slice() : super.slice(start, end)
  }
}

/**
 * Call it before the torrent has a connection.
 * @param {Torrent} torrent @param {(info: Record<string, unknown>) => void} [onInfo] called before the event `metadata`
 */
export function avoidMetadataCopies(torrent, onInfo = () => {}) {
  const process = torrent._processParsedTorrent
  torrent._processParsedTorrent = (/** @type {Record<string, any>} */ parsed) => {
    if (!parsed.info) return process.call(torrent, parsed)
    onInfo(parsed.info)
    // webtorrent would encode it for a .torrent file, which is not used.
    process.call(torrent, { ...parsed, info: {} })
  }
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
