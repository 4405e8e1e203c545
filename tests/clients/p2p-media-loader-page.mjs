// Runs in a page: one viewer of a stream with the engine of p2p-media-loader, for p2p-media-loader.test.mjs.
// The test requests segments in place of a player. `window.seen` contains the connected peers and the source of each
// segment.

import { Core } from 'p2p-media-loader-core'

const SEGMENT_SECONDS = 4
const seen = { peers: [], sources: {} }
let core, addresses

/** Opens a stream of segments at `urls`. With `httpErrorRetries` 0 it uses only other viewers, never their server. */
function open ({ tracker, swarmId, urls, httpErrorRetries }) {
  core = new Core({ swarmId, httpErrorRetries, announceTrackers: [tracker], rtcConfig: { iceServers: [] } })
  addresses = urls
  core.addEventListener('onPeerConnect', ({ peerId }) => seen.peers.push(peerId))
  core.addEventListener('onSegmentLoaded', ({ segmentUrl, downloadSource }) => { seen.sources[segmentUrl] = downloadSource })
  core.setManifestResponseUrl(new URL('/stream.m3u8', location.href).href)
  core.addStreamIfNoneExists({ runtimeId: 'video', type: 'main', index: '0' })
  core.updateStream('video', urls.map((url, i) => ({
    runtimeId: url, externalId: i, url, startTime: i * SEGMENT_SECONDS, endTime: (i + 1) * SEGMENT_SECONDS
  })))
}

/** Plays up to one segment, loads it and returns its SHA-256. */
async function load (url) {
  core.updatePlayback(addresses.indexOf(url) * SEGMENT_SECONDS, 1)
  const { data } = await new Promise((resolve, reject) => {
    core.loadSegment(url, { onSuccess: resolve, onError: reject })
  })
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', data))
  return Array.from(hash, b => b.toString(16).padStart(2, '0')).join('')
}

Object.assign(window, { open, load, seen, ready: true })
