// @ts-check
// Start of the dashboard: builds the head of the page and shows the view that its address names. Knows no numbers.

import { button, h, setText } from '../share/elements/dom.js'
import '../share/elements/notice.js'
import { App } from './app.js'
import { card, needsSignIn } from './elements/parts.js'
import { VIEWS, addressOf, entryOf, routeOf } from './lib/routes.js'
import { feedNotice, feedWords, phaseNotice } from './lib/texts.js'
import { alerts } from './views/alerts.js'
import { audit } from './views/audit.js'
import { clients } from './views/clients.js'
import { limits } from './views/limits.js'
import { overview } from './views/overview.js'
import { settings } from './views/settings.js'
import { swarm } from './views/swarm.js'
import { swarms } from './views/swarms.js'

/** @typedef {import('./app.js').View} View */

const TICK_MS = 1000
const SERIES_AGAIN_MS = 5000
const MAKERS = { overview, swarms, clients, limits, alerts, audit }

const place = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id))
const app = new App(place('live'))
const stage = place('stage')
const fresh = place('fresh')
const notices = /** @type {import('../share/elements/notice.js').SwarmNotices} */ (place('notices'))
const session = button('', () => app.api.signedIn ? app.api.signOut() : app.signIn(), { id: 'session' })
const links = new Map(VIEWS.map(({ id, label }) => [id, h('a', { href: addressOf(id) }, label)]))
place('menu').append(...[...links.values()].map(link => h('li', {}, link)))
place('session').append(session)

/** @type {View | null} */
let view = null
let shown = ''

/** @returns {View} */
function make () {
  const route = routeOf(location.hash)
  const entry = VIEWS.find(({ id }) => id === entryOf(route))
  if (entry?.admin && !app.api.signedIn) {
    return { element: h('div', { class: 'view' }, h('h1', { tabindex: -1 }, entry.label), card('Sign in', needsSignIn(`The ${entry.label.toLowerCase()} of this tracker`, () => app.signIn()))) }
  }
  if (route.view === 'swarm') return swarm(app, route.hash ?? '')
  if (route.view === 'settings') return settings(app, route.section)
  return MAKERS[/** @type {keyof typeof MAKERS} */ (route.view)](app)
}

function show () {
  const route = routeOf(location.hash)
  const key = `${route.view} ${route.hash ?? ''} ${app.api.signedIn}`
  // A dialog belongs to the view that it was opened in, and its focus goes back there first.
  const hadDialog = closeDialogs()
  if (key === shown) {
    if (route.section) view?.jump?.(route.section)
    return
  }
  const isFirst = shown === ''
  shown = key
  view?.close?.()
  view = make()
  stage.replaceChildren(view.element)
  view.open?.()
  view.update?.()
  const entry = entryOf(route)
  for (const [id, link] of links) {
    if (id === entry) {
      link.setAttribute('aria-current', 'page')
      // On a phone the menu is wider than the screen.
      link.scrollIntoView({ block: 'nearest', inline: 'nearest' })
    } else link.removeAttribute('aria-current')
  }
  document.title = `${VIEWS.find(({ id }) => id === entry)?.label ?? ''} – swarmhub dashboard`
  // Whoever works by keyboard or ear follows to the new heading; not on the first view, which the browser reads itself, nor
  // where the focus went back from a dialog to what is still there.
  const isKept = hadDialog && document.activeElement !== document.body
  if (!isFirst && !isKept) view.element.querySelector('h1')?.focus()
}

/** Whether there was one. */
function closeDialogs () {
  const open = [...document.querySelectorAll('dialog')].filter(dialog => dialog.open)
  for (const dialog of open) dialog.close()
  return open.length > 0
}

function drawHead () {
  const { state, age } = app.feed
  setText(fresh, feedWords(state, age))
  fresh.className = `fresh ${state.mode}${age !== null && age > 5 ? ' old' : ''}`
  notices.update([feedNotice(state, age, app.api.signedIn), phaseNotice(app.stats?.phase), ...view?.notices?.() ?? []])
}

function drawSession () {
  setText(/** @type {HTMLElement} */ (session.lastElementChild), app.api.signedIn ? 'Sign out' : 'Sign in')
}

/** Until it is known which series there are; a server that is updated may have others. */
let node = ''
/** @type {ReturnType<typeof setTimeout> | undefined} */
let again
async function loadSeries () {
  clearTimeout(again)
  try {
    await app.loadSeries()
    view?.update?.()
  } catch (error) {
    const { status } = /** @type {import('./core/api.js').ApiError} */ (error)
    // Without the token there is nothing to be had; signing in asks again.
    if (status !== 403 && status !== 401) again = setTimeout(loadSeries, SERIES_AGAIN_MS)
  }
}

app.feed.addEventListener('stats', () => {
  if (app.stats?.node && app.stats.node !== node) {
    node = app.stats.node
    loadSeries()
  }
  drawHead()
  view?.update?.()
})
app.feed.addEventListener('state', () => {
  drawHead()
  if (app.feed.state.mode !== 'closed' || !app.stats) {
    view?.update?.()
    return
  }
  // What was seen with the token is not left on the screen.
  app.forget()
  node = shown = ''
  show()
})
app.api.addEventListener('session', () => {
  // There are more numbers with the token than without, and none of those stay on the screen.
  app.forget()
  node = ''
  drawSession()
  drawHead()
  show()
  // With the token there may be more of them than without.
  loadSeries()
})
notices.addEventListener('notice-action', event => {
  const { detail } = /** @type {CustomEvent<string>} */ (event)
  if (detail === 'sign-in') app.signIn()
  if (detail === 'feed-now') app.feed.restart()
})
notices.addEventListener('notice-shown', event => app.tell(/** @type {CustomEvent<string>} */ (event).detail))
addEventListener('hashchange', show)
addEventListener('online', () => app.feed.restart())
setInterval(drawHead, TICK_MS)

drawSession()
drawHead()
show()
app.feed.restart()
