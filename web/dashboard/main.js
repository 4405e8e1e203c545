// @ts-check
// The entry point of the dashboard: it fills the header of the page, shows the view that the address names, and passes
// new numbers to it.

import { button, h, setText } from '../common/dom.js'
import '../common/icons.js'
import '../common/notice.js'
import { App } from './app.js'
import { addressOf, entryOf, routeOf, VIEWS } from './lib/routes.js'
import { feedNotice, feedText, phaseNotice } from './lib/texts.js'
import { AlertsView } from './views/alerts.js'
import { AuditView } from './views/audit.js'
import { ClientsView } from './views/clients.js'
import { LimitsView } from './views/limits.js'
import { OverviewView } from './views/overview.js'
import { SettingsView } from './views/settings.js'
import { SignInView } from './views/sign-in.js'
import { SwarmView } from './views/swarm.js'
import { SwarmsView } from './views/swarms.js'

/** @typedef {import('./views/view.js').View} View */

const TICK_MS = 1000
const SERIES_RETRY_MS = 5000
/** Numbers older than this are marked in the header. */
const STALE_SECONDS = 5

const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id))
const app = new App(byId('live'))
const stage = byId('stage')
const fresh = byId('fresh')
const notices = /** @type {import('../common/notice.js').SwarmNotices} */ (byId('notices'))
const session = button('', () => (app.api.signedIn ? app.api.signOut() : app.signIn()), { id: 'session' })
const links = new Map(VIEWS.map(({ id, label }) => [id, h('a', { href: addressOf(id) }, label)]))
byId('menu').append(...[...links.values()].map(link => h('li', {}, link)))
byId('session').append(session)

/** @type {View | null} */
let view = null
/** The route and the session of the view; empty before the first view. */
let viewKey = ''
/** The node whose series are loaded. */
let node = ''
/** @type {ReturnType<typeof setTimeout> | undefined} */
let seriesTimer

/** @param {import('./lib/routes.js').Route} route @returns {View} */
function createView(route) {
  const entry = VIEWS.find(({ id }) => id === entryOf(route))
  if (entry?.admin && !app.api.signedIn) return new SignInView(app, entry.label)
  switch (route.view) {
    case 'swarms':
      return new SwarmsView(app)
    case 'swarm':
      return new SwarmView(app, route.hash ?? '')
    case 'clients':
      return new ClientsView(app)
    case 'limits':
      return new LimitsView(app)
    case 'alerts':
      return new AlertsView(app)
    case 'settings':
      return new SettingsView(app, route.section)
    case 'audit':
      return new AuditView(app)
    default:
      return new OverviewView(app)
  }
}

/** Shows the view of the current address. */
function show() {
  const route = routeOf(location.hash)
  const key = `${route.view} ${route.hash ?? ''} ${app.api.signedIn}`
  // A dialog belongs to the view that opened it. Closing it restores the focus in that view.
  const hadDialog = closeDialogs()
  if (key === viewKey) {
    if (route.section) view?.showSection(route.section)
    return
  }
  const isFirst = viewKey === ''
  viewKey = key
  view = createView(route)
  stage.replaceChildren(view)
  view.update()
  markMenuEntry(entryOf(route))
  // Keyboard and screen reader users continue at the new heading. Exceptions: the first view, which the browser reads
  // itself, and a focus that a closed dialog has restored in a part of the page that stays.
  const hasFocus = hadDialog && document.activeElement !== document.body
  if (!isFirst && !hasFocus) view.querySelector('h1')?.focus()
}

/** @param {string} entry id of the current entry */
function markMenuEntry(entry) {
  for (const [id, link] of links) {
    if (id === entry) {
      link.setAttribute('aria-current', 'page')
      // On a phone the menu is wider than the screen.
      link.scrollIntoView({ block: 'nearest', inline: 'nearest' })
    } else link.removeAttribute('aria-current')
  }
  document.title = `${VIEWS.find(({ id }) => id === entry)?.label ?? ''} – swarmhub dashboard`
}

/** Closes all dialogs and returns whether there was one. */
function closeDialogs() {
  const open = [...document.querySelectorAll('dialog')].filter(dialog => dialog.open)
  for (const dialog of open) dialog.close()
  return open.length > 0
}

function drawHeader() {
  const { state, age } = app.feed
  setText(fresh, feedText(state, age))
  fresh.className = `fresh ${state.mode}${age !== null && age > STALE_SECONDS ? ' old' : ''}`
  notices.update([feedNotice(state, age, app.api.signedIn), phaseNotice(app.stats?.phase), ...(view?.notices ?? [])])
}

function drawSession() {
  setText(/** @type {HTMLElement} */ (session.lastElementChild), app.api.signedIn ? 'Sign out' : 'Sign in')
}

/** Loads the series of the server, and repeats this after an error. */
async function loadSeries() {
  clearTimeout(seriesTimer)
  try {
    await app.loadSeries()
    view?.update()
  } catch (error) {
    const { status } = /** @type {import('./core/api.js').ApiError} */ (error)
    // Without access, the next sign-in loads them.
    if (status !== 403 && status !== 401) seriesTimer = setTimeout(loadSeries, SERIES_RETRY_MS)
  }
}

app.feed.addEventListener('stats', () => {
  // A restarted server may be a newer version with other series.
  if (app.stats?.node && app.stats.node !== node) {
    node = app.stats.node
    loadSeries()
  }
  drawHeader()
  view?.update()
})
app.feed.addEventListener('state', () => {
  drawHeader()
  if (app.feed.state.mode !== 'closed' || !app.stats) {
    view?.update()
    return
  }
  // Remove what needed the token from the screen.
  app.clearStats()
  node = viewKey = ''
  show()
})
app.api.addEventListener('session', () => {
  // With the token the server sends more series. None of them stay on the screen after sign-out.
  app.clearStats()
  node = ''
  drawSession()
  drawHeader()
  show()
  loadSeries()
})
notices.addEventListener('notice-action', event => {
  const { detail } = /** @type {CustomEvent<string>} */ (event)
  if (detail === 'sign-in') app.signIn()
  if (detail === 'feed-now') app.feed.restart()
})
for (const [element, type] of /** @type {const} */ ([
  [notices, 'notice-shown'],
  [stage, 'live-text']
]))
  element.addEventListener(type, event => app.setLiveText(/** @type {CustomEvent<string>} */ (event).detail))
addEventListener('hashchange', show)
addEventListener('online', () => app.feed.restart())
setInterval(drawHeader, TICK_MS)

drawSession()
drawHeader()
show()
app.feed.restart()
