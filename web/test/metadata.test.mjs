import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { avoidMetadataCopies } from '../share/core/metadata.js'

const info = new TextEncoder().encode('d4:name1:a6:lengthi1ee')

/** What webtorrent's torrent and extension do, as far as this matters. */
function fakes() {
  const torrent = Object.assign(new EventEmitter(), {
    metadata: null,
    infoBuffer: info,
    processed: [],
    received: [],
    _processParsedTorrent(parsed) {
      this.processed.push(parsed)
    },
    async _onMetadata(bytes) {
      this.received.push(bytes)
    }
  })
  const extension = Object.assign(new EventEmitter(), {
    async setMetadata(bytes) {
      this.metadata = bytes
      this.emit('metadata', 'encoded again')
      return true
    }
  })
  extension.on('metadata', bytes => torrent._onMetadata(bytes))
  return { torrent, extension }
}

test('received metadata are not encoded again', async () => {
  const { torrent, extension } = fakes()
  avoidMetadataCopies(torrent)
  torrent.emit('wire', { ut_metadata: extension })
  assert.equal(await extension.setMetadata(info), true)
  assert.deepEqual(
    torrent.received.map(bytes => Buffer.from(bytes).toString()),
    [`d4:info${Buffer.from(info)}e`]
  )
})

test('connections get the info dictionary, a decoder an empty one', () => {
  const { torrent, extension } = fakes()
  avoidMetadataCopies(torrent)
  torrent.emit('metadata')
  assert.deepEqual([...torrent.metadata], [...info])
  assert.deepEqual([...torrent.metadata.slice(0, 5)], [...info.slice(0, 5)])
  assert.equal(Buffer.from(torrent.metadata.slice()).toString(), 'de')
  const { setMetadata } = extension
  torrent.emit('wire', { ut_metadata: extension })
  assert.equal(extension.setMetadata, setMetadata, 'later connections have nothing to fetch')
})

test('webtorrent has no list of files to encode', () => {
  const { torrent } = fakes()
  avoidMetadataCopies(torrent)
  torrent._processParsedTorrent({ infoHash: 'x', info: { files: [1, 2] } })
  torrent._processParsedTorrent({ infoHash: 'x' })
  assert.deepEqual(torrent.processed, [{ infoHash: 'x', info: {} }, { infoHash: 'x' }])
})
