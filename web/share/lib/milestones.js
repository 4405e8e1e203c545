// @ts-check
// Selects the changes that screen readers should read, and the title of the page. There are few on purpose: every percent
// would be too much. It uses no DOM. The swarm-share element puts the text into its live region.

import { formatBytes, formatPercent, plural } from '../../common/format.js'
import { addedText } from './adding-texts.js'
import { shownName } from './names.js'

/** @typedef {import('../core/transfer.js').Snapshot} Snapshot */

/**
 * Returns the text about the change from `before` to `now`, or null.
 * @param {Snapshot | null} before @param {Snapshot} now
 * @returns {string | null}
 */
export function milestone(before, now) {
  if (before?.phase !== now.phase) return phaseText(now)
  if (now.phase === 'sharing' && before.infoHash !== now.infoHash) return addedText(now.files.length)
  if (now.phase === 'downloading') {
    const reached = quarter(now)
    if (reached > quarter(before) && reached < 4) return `${formatPercent(reached / 4)} downloaded.`
  }
  if (now.role === 'sender' && now.peers.length !== before.peers.length) {
    return now.peers.length ? `${plural(now.peers.length, 'receiver')} connected.` : 'No receiver connected.'
  }
  return null
}

/** @param {Snapshot} now */
function phaseText(now) {
  const what = `${plural(now.files.length, 'file')}, ${formatBytes(now.size)}`
  switch (now.phase) {
    case 'hashing':
      return `Preparing ${shownName(now.name)}.`
    case 'sharing':
      return 'Ready. You can send the link.'
    case 'finding':
      return 'Looking for a peer that has this.'
    case 'locked':
      return 'A password is needed.'
    case 'offered':
      return `Found ${shownName(now.name)}: ${what}. Start the download when you are ready.`
    case 'downloading':
      return 'Download started.'
    case 'done':
      return 'Download complete.'
    case 'stopped':
      return 'Stopped.'
    default:
      return null
  }
}

/** @param {Snapshot} snapshot */
const quarter = ({ have, size }) => (size ? Math.floor((have / size) * 4) : 0)

/** Returns the state in a few words, for the title of the page. @param {Snapshot} now */
export function titleOf({ phase, name, size, have, hashed }) {
  const what = shownName(name || 'download')
  if (phase === 'hashing' && size) return `${formatPercent(hashed / size)} · ${what}`
  if (phase === 'downloading' && size) return `${formatPercent(have / size)} · ${what}`
  if (phase === 'locked') return 'Password needed'
  return phase === 'finding' ? 'Looking…' : what
}
