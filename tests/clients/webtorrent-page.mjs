// Runs in a page: seeds and downloads with the webtorrent browser bundle, for webtorrent.test.mjs and
// libtorrent.test.mjs. `window.seen` contains the recorded events.

import WebTorrent from '/nm/webtorrent/dist/webtorrent.min.js'
import { pattern } from '/support/pattern.mjs'

const client = new WebTorrent({ tracker: { rtcConfig: { iceServers: [] } } })
const seen = { announces: 0, wires: [], warnings: [], peerIds: [] }
client.on('error', error => seen.warnings.push(String(error)))

function watch (torrent) {
  torrent.on('trackerAnnounce', () => seen.announces++)
  torrent.on('warning', warning => seen.warnings.push(String(warning)))
  torrent.on('wire', wire => {
    seen.wires.push(wire.type)
    if (!seen.peerIds.includes(wire.peerId)) seen.peerIds.push(wire.peerId)
  })
  return torrent
}

/** Seeds `length` bytes of the pattern and returns the magnet link. */
function seed ({ length, name, tracker }) {
  return new Promise(resolve => {
    const torrent = client.seed(new Blob([pattern(length)]), { name, announce: [tracker] }, ({ magnetURI }) => resolve(magnetURI))
    watch(torrent)
  })
}

/** Downloads the file of `magnet` and returns length and SHA-256. */
function download ({ magnet }) {
  return new Promise((resolve, reject) => {
    const torrent = watch(client.add(magnet))
    torrent.on('error', reject)
    torrent.on('done', async () => {
      try {
        const bytes = await (await torrent.files[0].blob()).arrayBuffer()
        const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
        resolve({ length: bytes.byteLength, sha256: Array.from(hash, b => b.toString(16).padStart(2, '0')).join('') })
      } catch (error) {
        reject(error)
      }
    })
  })
}

Object.assign(window, { seed, download, seen, ready: true })
