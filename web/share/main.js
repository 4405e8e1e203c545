// @ts-check
// The entry point of the sharing page: it connects the address and the title of the page with its swarm-share element, and
// shows what the system's share sheet posted to the installed page.

// Before all others: they read the address and the language.
import './core/repair-link.js'
import { h } from '../common/dom.js'
import { translatePage } from './core/page-language.js'
import '../embed/define.js'
import { fromFiles } from './core/chosen-files.js'
import { takeId, takePost } from './core/received-post.js'
import { manifestOf, startOf } from './lib/addresses.js'
import { leaveQuestion } from './lib/leaving.js'
import { parseLink } from './lib/link.js'
import { pasted } from './lib/text-share.js'

const app = /** @type {import('../embed/index.js').SwarmShareElement} */ (document.querySelector('swarm-share'))
document.querySelector('.brand')?.setAttribute('href', startOf(location.href))
// Named here only: a browser that has begun to load one without the token may keep it.
document.head.append(h('link', { rel: 'manifest', href: manifestOf(location.href) }))
let ownTitle = document.title
/** The state of the share in a few words. */
let state = ''
/** The fragment of the address that the page shows. */
let shown = location.hash

/** Receives what the address names. */
function receive() {
  if (parseLink(location.hash).kind === 'none') app.stop()
  // A notice tells the user about errors.
  else app.open(location.hash).catch(() => {})
}

/**
 * Shows what was posted, for a click that shares it: any site can post here. Files come before texts, as in the clipboard; a
 * link to a share is opened. @param {string} id
 */
async function showPost(id) {
  try {
    const { files, texts } = await takePost(id)
    const address = files.length ? null : addressIn(texts)
    // Opened as any other address: the way back leads to the start.
    if (address) location.hash = address
    else {
      const text = files.length ? '' : [...new Set(texts)].join('\n')
      tell('share-paste', { chosen: Promise.resolve(fromFiles(files)), text, isPosted: true })
    }
  } catch (error) {
    tell('drop-failed', error)
  }
}

/** Fires an event inside the element, whose notices tell about errors. @param {string} type @param {unknown} detail */
const tell = (type, detail) => app.shadowRoot?.dispatchEvent(new CustomEvent(type, { detail }))

/** Returns the fragment of the first text that is a link to a share. @param {string[]} texts */
function addressIn(texts) {
  for (const text of texts) {
    const found = pasted([], text, true)
    if (found && 'address' in found) return found.address
  }
  return null
}

addEventListener('hashchange', () => {
  const link = parseLink(location.hash)
  // The link of this page, opened in this page: the sharing continues.
  if (link.kind === 'share' && app.isSharing(link.infoHash)) {
    history.replaceState(null, '', location.pathname + location.search + shown)
    return
  }
  const { loss } = app
  if (loss && location.hash !== shown && !confirm(leaveQuestion(loss))) {
    history.replaceState(null, '', location.pathname + location.search + shown)
    return
  }
  shown = location.hash
  receive()
})

// A reload opens the entered link again, and the way back leads to the start.
app.addEventListener('share-open', event => {
  const { detail } = /** @type {CustomEvent<string>} */ (event)
  history.pushState(null, '', `${location.pathname}${location.search}#${detail}`)
  shown = location.hash
})

app.addEventListener('share-title', event => {
  state = /** @type {CustomEvent<string>} */ (event).detail
  showTitle()
})

function showTitle() {
  const title = state ? `${state} – ${ownTitle}` : ownTitle
  if (document.title !== title) document.title = title
}

translatePage().then(title => {
  ownTitle = title
  showTitle()
})

// A reload must not open the closed link again.
app.addEventListener('share-closed', () => {
  shown = ''
  history.replaceState(null, '', location.pathname + location.search)
})

const received = takeId()
if (received === null) receive()
else showPost(received)
