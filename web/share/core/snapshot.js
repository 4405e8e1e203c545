// @ts-check
// The state of a share as plain data, which elements draw and lib/ puts into words. Reads webtorrent's files, changes
// nothing. Made by transfers.

import { secondsLeft } from '../lib/estimate.js'

/** @typedef {import('../../vendor/webtorrent/webtorrent.min.js').TorrentFile} TorrentFile */

/**
 * Sender: hashing → sharing. Receiver: finding → checking → offered → downloading → done (and back to downloading when
 * more files are chosen). Either may end as failed or stopped.
 * @typedef {'hashing' | 'sharing' | 'finding' | 'checking' | 'offered' | 'downloading' | 'done' | 'failed' | 'stopped'} Phase
 */

/**
 * @typedef {{ index: number, name: string, path: string, size: number, have: number, chosen: boolean, done: boolean }} FileState
 * @typedef {object} Snapshot
 * @property {'sender' | 'receiver'} role
 * @property {Phase} phase
 * @property {string} name
 * @property {string | null} infoHash
 * @property {FileState[]} files
 * @property {number} size bytes of the chosen files
 * @property {number} have bytes of them that are here
 * @property {number} hashed bytes read so far, while hashing
 * @property {number} down @property {number} up bytes per second
 * @property {number} sent bytes in all
 * @property {number} secondsLeft
 * @property {import('./peers.js').Peer[]} peers
 * @property {number} connecting @property {number} failed connections under way, and lately impossible
 * @property {number | null} known others, as the tracker counts them
 * @property {number} aloneSeconds since when nobody was connected
 * @property {ReturnType<import('./tracker-link.js').TrackerLink['snapshot']>} tracker
 * @property {unknown} error when failed
 */

/** @param {TorrentFile[]} files @param {Set<number>} chosen @returns {FileState[]} */
export const fileStates = (files, chosen) =>
  files.map(({ name, path, length, done, downloaded }, index) => ({
    index,
    name,
    path,
    size: length,
    have: done ? length : (downloaded ?? 0),
    chosen: chosen.has(index),
    done
  }))

/**
 * The chosen files together. A smoothed speed fades for a while; when nobody is connected nothing comes or goes.
 * @param {FileState[]} files @param {{ down: number, up: number, alone: boolean }} speeds smoothed, in bytes per second
 */
export function totals(files, { down, up, alone }) {
  let size = 0
  let have = 0
  for (const file of files) {
    if (!file.chosen) continue
    size += file.size
    have += file.have
  }
  return {
    size,
    have,
    down: alone ? 0 : down,
    up: alone ? 0 : up,
    secondsLeft: secondsLeft(size - have, alone ? 0 : down)
  }
}
