// @ts-check
// Which changes are worth saying to somebody who does not see the page. Few on purpose: a screen reader that
// reads every percent is of no use. Knows no DOM; the app puts the text into its live region.

import { formatBytes, formatPercent, plural } from '../../common/format.js'
import { shownName } from './names.js'

/** @typedef {import('../core/transfer.js').Snapshot} Snapshot */

/**
 * What to say after the state went from `before` to `now`; null when nothing.
 * @param {Snapshot | null} before @param {Snapshot} now
 * @returns {string | null}
 */
export function milestone(before, now) {
  if (before?.phase !== now.phase) return phaseText(now)
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
      return 'Ready. The link can be handed on.'
    case 'finding':
      return 'Looking for somebody who has this.'
    case 'offered':
      return `Found ${shownName(now.name)}: ${what}. Download starts when you say so.`
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

/** The same state in the few words that fit a tab. @param {Snapshot} now */
export function titleOf({ phase, name, size, have, hashed }) {
  const what = shownName(name || 'download')
  if (phase === 'hashing' && size) return `${formatPercent(hashed / size)} · ${what}`
  if (phase === 'downloading' && size) return `${formatPercent(have / size)} · ${what}`
  return phase === 'finding' ? 'Looking…' : what
}
