// @ts-check
// Selects the changes that screen readers should read, and the title of the page. There are few on purpose: every percent
// would be too much. It uses no DOM. The swarm-share element puts the text into its live region.

import { formatPercent, tn } from '../../common/format.js'
import { t } from '../../common/words.js'
import { addedText } from './adding-texts.js'
import { amountText } from './file-texts.js'
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
    if (reached > quarter(before) && reached < 4)
      return t('{percent} downloaded.', { percent: formatPercent(reached / 4) })
  }
  if (now.role === 'sender' && now.peers.length !== before.peers.length) {
    const { length } = now.peers
    return length ? tn(length, '{n} receiver connected.', '{n} receivers connected.') : t('No receiver connected.')
  }
  return null
}

/** @param {Snapshot} now */
function phaseText(now) {
  const name = shownName(now.name)
  switch (now.phase) {
    case 'hashing':
      return t('Preparing {name}.', { name })
    case 'sharing':
      return t('Ready. You can send the link.')
    case 'finding':
      return t('Looking for a peer that has this.')
    case 'locked':
      return t('A password is needed.')
    case 'offered':
      return t('Found {name}: {files}. Start the download when you are ready.', {
        name,
        files: amountText(now.files.length, now.size)
      })
    case 'downloading':
      return t('Download started.')
    case 'done':
      return t('Download complete.')
    case 'stopped':
      return t('Stopped.')
    default:
      return null
  }
}

/** @param {Snapshot} snapshot */
const quarter = ({ have, size }) => (size ? Math.floor((have / size) * 4) : 0)

/** Returns the state in a few words, for the title of the page. @param {Snapshot} now */
export function titleOf({ phase, name, size, have, hashed }) {
  const what = shownName(name || t('download'))
  if (phase === 'hashing' && size) return `${formatPercent(hashed / size)} · ${what}`
  if (phase === 'downloading' && size) return `${formatPercent(have / size)} · ${what}`
  if (phase === 'locked') return t('Password needed')
  return phase === 'finding' ? t('Looking…') : what
}
