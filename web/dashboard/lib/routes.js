// @ts-check
// The views and their addresses, which are the fragment of the page's URL. It uses no DOM.

/** @typedef {{ view: string, hash?: string, section?: string }} Route `section`: a part of the settings */

/** In the order of the menu. Views with `admin` need the token. */
export const VIEWS = [
  { id: 'overview', label: 'Overview', admin: false },
  { id: 'swarms', label: 'Swarms', admin: true },
  { id: 'clients', label: 'Clients', admin: false },
  { id: 'limits', label: 'Limits', admin: false },
  { id: 'alerts', label: 'Alerts', admin: true },
  { id: 'settings', label: 'Settings', admin: true },
  { id: 'audit', label: 'Audit', admin: true }
]

/** @param {string} fragment with or without its # @returns {Route} */
export function routeOf(fragment) {
  const [view = '', more = ''] = fragment.replace(/^#?\/?/, '').split('/')
  if (view === 'swarms' && /^[0-9a-f]{40}$/i.test(more)) return { view: 'swarm', hash: more.toLowerCase() }
  if (view === 'settings' && /^[a-z_]+$/.test(more)) return { view, section: more }
  return { view: VIEWS.some(({ id }) => id === view) ? view : 'overview' }
}

/** @param {string} view @param {string} [more] */
export const addressOf = (view, more) => (more ? `#/${view}/${more}` : `#/${view}`)

/** Returns the menu entry of a route. @param {Route} route */
export const entryOf = ({ view }) => (view === 'swarm' ? 'swarms' : view)
