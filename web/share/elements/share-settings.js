// @ts-check
// What the view of a swarm-share element gets from the element: its parts and its settings. The element itself reads only the
// settings that the start view needs, because it is loaded on every page.

/** @typedef {import('../../embed/share-element.js').SwarmShareElement} SwarmShareElement */

/**
 * @typedef {object} StartSettings
 * @property {string} accept @property {boolean} multiple
 * @property {boolean} isWholePage whether the element is the content of its page
 * @property {boolean} isEncrypting whether shares are encrypted
 * @property {boolean} opensLinks whether the user can open links
 * @property {boolean} isDisabled
 */

/** @typedef {ReturnType<typeof settingsOf>} ShareSettings `script`: address of the server, or of a script from it */

/** Returns all settings. Empty texts stand for the defaults. @param {ShareParts} parts */
export const settingsOf = ({ host, settings }) => ({
  ...settings(),
  script: /** @type {typeof import('../../embed/share-element.js').SwarmShareElement} */ (host.constructor).script,
  tracker: host.tracker,
  ice: host.ice,
  iceServers: host.iceServers,
  worker: host.worker || null,
  linkBase: host.linkBase,
  maxFileSize: host.maxFileSize,
  maxTotalSize: host.maxTotalSize,
  maxFiles: host.maxFiles
})

/**
 * @typedef {object} ShareParts
 * @property {SwarmShareElement} host the element, which fires the events
 * @property {HTMLElement} stage contains the current view
 * @property {HTMLElement} live a live region
 * @property {import('./start-view.js').SwarmStart} start
 * @property {() => StartSettings} settings
 * @property {(link: string) => void} onLink called when the link of the share changes; empty: there is none
 * @property {AbortSignal} signal aborts when the element leaves the page
 */
