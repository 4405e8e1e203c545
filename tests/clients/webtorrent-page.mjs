// Runs in a page: seeds and downloads with the webtorrent browser bundle, for webtorrent.test.mjs, libtorrent.test.mjs and
// matchmaking.test.mjs. `window.seen` contains the recorded events.

import WebTorrent from '/nm/webtorrent/dist/webtorrent.min.js'
import { pattern } from '/support/pattern.mjs'

const client = new WebTorrent({ tracker: { rtcConfig: { iceServers: [] } } })
const seen = { announces: 0, wires: [], warnings: [], peerIds: [], startedAt: 0, metAt: [] }
client.on('error', error => seen.warnings.push(String(error)))

function watch (torrent) {
  torrent.on('trackerAnnounce', () => seen.announces++)
  torrent.on('warning', warning => seen.warnings.push(String(warning)))
  torrent.on('wire', wire => {
    seen.wires.push(wire.type)
    if (seen.peerIds.includes(wire.peerId)) return
    seen.peerIds.push(wire.peerId)
    seen.metAt.push(Date.now())
  })
  return torrent
}

/** Returns the magnet link that `seed` would return, and contacts nobody. */
function magnetOf ({ length, name, tracker }) {
  const silent = new WebTorrent({ tracker: false })
  return new Promise(resolve => silent.seed(new Blob([pattern(length)]), { name, announce: [tracker] }, ({ magnetURI }) => silent.destroy(() => resolve(magnetURI))))
}

/** At the time `at` begins to download `magnet`, or to seed `file`. `seen` has the times of the start and of the first wire to each peer. */
function joinAt ({ at, magnet, file }) {
  setTimeout(() => {
    seen.startedAt = Date.now()
    if (magnet) watch(client.add(magnet))
    else seed(file)
  }, at - Date.now())
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

Object.assign(window, { seed, download, magnetOf, joinAt, seen, ready: true })
