// @ts-check
// The state of a transfer as plain data, for the elements and for the texts in lib/. It reads the files and
// changes nothing. Transfers create it.

import { secondsLeft } from '../lib/estimate.js'

/** @typedef {import('./contents.js').ContentFile} ContentFile */

/**
 * Sender: hashing → sharing. Receiver: finding → locked, if there is a password → checking → offered → downloading → done,
 * and back to downloading if the user chooses more files. Both can end as failed or stopped.
 * @typedef {'hashing' | 'sharing' | 'finding' | 'locked' | 'checking' | 'offered' | 'downloading' | 'done' | 'failed' | 'stopped'} Phase
 */

/**
 * @typedef {{ index: number, name: string, path: string, size: number, have: number, chosen: boolean, done: boolean }} FileState
 * @typedef {object} Snapshot
 * @property {'sender' | 'receiver'} role
 * @property {Phase} phase
 * @property {string} name
 * @property {string | null} infoHash
 * @property {string | null} address what links to the share have in their fragment: the info-hash, and the key if it is encrypted
 * @property {boolean} isEncrypted @property {boolean} hasPassword
 * @property {boolean} isPasswordWrong whether the last password did not fit
 * @property {number | null} expires milliseconds since 1970; null: never
 * @property {number} earlier number of links from before files were added, which still work
 * @property {number} endedEarlier number of such links that have ended, because there were too many
 * @property {FileState[]} files
 * @property {number} size bytes of the chosen files
 * @property {number} have downloaded bytes of them
 * @property {number} hashed bytes read so far, while hashing
 * @property {number} down @property {number} up bytes per second
 * @property {number} sent total bytes
 * @property {number} secondsLeft
 * @property {import('./peers.js').Peer[]} peers
 * @property {number} connecting pending connections @property {number} failed recently failed connections
 * @property {import('./peers.js').FailureCause | null} failureCause of the last of them, if it is known
 * @property {number | null} known other peers in the swarm, as the tracker counts them
 * @property {number} aloneSeconds time without a connected peer
 * @property {ReturnType<import('./tracker-link.js').TrackerLink['snapshot']>} tracker
 * @property {unknown} error of a failed transfer
 */

/** @param {ContentFile[]} files @param {Set<number>} chosen @returns {FileState[]} */
export const fileStates = (files, chosen) =>
  files.map(({ name, path, length, done, downloaded }, index) => ({
    index,
    name,
    path,
    size: length,
    have: done ? length : downloaded,
    chosen: chosen.has(index),
    done
  }))

/**
 * Sums up the chosen files. Without peers the speeds are 0, although the smoothed speeds fade slowly.
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
