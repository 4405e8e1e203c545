// The reference client (npm bittorrent-tracker) in Node; records all its events. All clients of one process and one URL
// share a connection, as the torrents of one webtorrent process do. Another path in the tracker URL gives another
// connection.

import { EventEmitter } from 'node:events'
import Client from 'bittorrent-tracker/client'
import { randomId } from '../support/index.mjs'

// Every torrent adds listeners to the shared connection.
EventEmitter.defaultMaxListeners = 1000

export { Client }

/** ICE uses only 127.0.0.1 and no STUN server. */
export const rtcConfig = { iceServers: [], bindAddress: '127.0.0.1' }

/**
 * @param {string} tracker
 * @param {{ infoHash?: string, peerId?: string, left?: number, offers?: number, port?: number }} [options]
 *   `offers` per announce; 0 saves the 5 s in which the client gathers candidates in Node. Over HTTP it is the number of
 *   wanted peers.
 */
export function newClient (tracker, { infoHash = randomId(), peerId = randomId(), left = 1000, offers = 0, port = 6881 } = {}) {
  const state = { left }
  const client = new Client({
    infoHash, peerId, port, announce: [tracker], rtcConfig,
    getAnnounceOpts: () => ({ left: state.left, numwant: offers })
  })
  const seen = { updates: [], warnings: [], scrapes: [], peers: [] }
  client.on('update', update => seen.updates.push(update))
  client.on('scrape', scrape => seen.scrapes.push(scrape))
  // The client also warns of failed WebRTC connections, which are not caused by the tracker: with hundreds at once the
  // native library sometimes drops one.
  client.on('warning', ({ message }) => { if (!message.startsWith('Connection error:')) seen.warnings.push(message) })
  client.on('peer', peer => {
    seen.peers.push(peer)
    // A test closes its peers at the end; their errors are ignored. Over HTTP a peer is an address.
    peer.on?.('error', () => {})
  })
  return {
    client,
    infoHash,
    peerId,
    state,
    seen,
    /** The counts in the latest reply as `complete/incomplete`. */
    counts: () => { const last = seen.updates.at(-1); return last && `${last.complete}/${last.incomplete}` },
    destroy () {
      for (const peer of seen.peers) peer.destroy?.()
      return new Promise(resolve => client.destroyed ? resolve() : client.destroy(resolve))
    }
  }
}
