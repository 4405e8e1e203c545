// @ts-check
// Start of the sharing page: ties the address and the title of this page to its swarm-share element. Knows
// nothing of transfers. Loaded by index.html.

import './elements/share-app.js'
import { leaveQuestion } from './lib/leaving.js'
import { parseLink, startOf } from './lib/link.js'

const app = /** @type {import('./elements/share-app.js').SwarmShare} */ (document.querySelector('swarm-share'))
document.querySelector('.brand')?.setAttribute('href', startOf(location.href))
const ownTitle = document.title
let shown = location.hash

function follow() {
  const link = parseLink(location.hash)
  if (link.kind === 'broken') {
    app.infoHash = null
    app.showNotice({
      tone: 'error',
      title: 'This link is not complete',
      text: 'It should end with 40 letters and digits after the “#”. Ask for it again, or copy it as a whole.'
    })
  } else {
    app.infoHash = link.kind === 'share' ? link.infoHash : null
  }
}

addEventListener('hashchange', () => {
  const link = parseLink(location.hash)
  // The own link, opened where it was made: the sharing goes on.
  if (link.kind === 'share' && link.infoHash === app.sharing) {
    history.replaceState(null, '', location.pathname + location.search + shown)
    return
  }
  const { loss } = app
  if (loss && location.hash !== shown && !confirm(leaveQuestion(loss))) {
    history.replaceState(null, '', location.pathname + location.search + shown)
    return
  }
  shown = location.hash
  follow()
})

app.addEventListener('share-title', event => {
  const { detail } = /** @type {CustomEvent<string>} */ (event)
  const title = detail ? `${detail} – ${ownTitle}` : ownTitle
  if (document.title !== title) document.title = title
})

// The link was closed: a reload should not open it again.
app.addEventListener('share-closed', () => {
  shown = ''
  history.replaceState(null, '', location.pathname + location.search)
})

follow()
