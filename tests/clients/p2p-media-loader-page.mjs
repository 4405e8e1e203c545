// Runs in a page: one viewer of a stream with the engine of p2p-media-loader, for p2p-media-loader.test.mjs.
// No player is needed: the test asks for segments as a player would. `window.seen` keeps who was met and
// where each segment came from.

import { Core } from 'p2p-media-loader-core'

const SEGMENT_SECONDS = 4
const seen = { peers: [], sources: {} }
let core, addresses

/** Opens a stream of segments at `urls`. With `httpErrorRetries` 0 it never asks their server, only other viewers. */
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

/** Plays on to one segment, loads it and gives its SHA-256. */
async function load (url) {
  core.updatePlayback(addresses.indexOf(url) * SEGMENT_SECONDS, 1)
  const { data } = await new Promise((resolve, reject) => {
    core.loadSegment(url, { onSuccess: resolve, onError: reject })
  })
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', data))
  return Array.from(hash, b => b.toString(16).padStart(2, '0')).join('')
}

Object.assign(window, { open, load, seen, ready: true })
