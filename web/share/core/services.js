// @ts-check
// Loads what transfers need: the engine with its ICE settings, the saving of files, and the service worker. It loads them
// at the start, so that an open page works while the server is down. The imports are dynamic, because browsers without
// WebRTC cannot load these modules. The session uses it.

import { loadIceSettings } from './environment.js'
import { IceRefresh } from './ice-refresh.js'
import { forgetOldShares } from './past-shares.js'

/** @typedef {import('./engine.js').Engine} Engine */
/** @typedef {import('./stream-server.js').StreamServer} StreamServer */

/**
 * @typedef {object} Settings
 * @property {string} tracker WebSocket address
 * @property {RTCIceServer[] | null} iceServers if the embedding page sets them
 * @property {string | null} ice address of the ICE settings otherwise
 * @property {string | null} worker address of the service worker
 */

export class Services {
  #settings
  /** @type {Promise<{ engine: Engine, saving: typeof import('./save.js') }> | null} */
  #loaded = null
  /** Resolves to null without service workers; private windows often forbid them. @type {Promise<StreamServer | null>} */
  streams
  /** @type {StreamServer | null} */
  #server = null
  /** Null until loaded. @type {IceRefresh | null} */
  #refresh = null
  #isClosed = false
  /** Whether the tracker requires a token that the address of the page lacks. */
  refused = false
  /** Addresses of the page for other machines. The server sends them only to a page on `localhost`. @type {string[] | null} */
  pages = null

  /** @param {Settings} settings */
  constructor(settings) {
    this.#settings = settings
    this.streams = startStreams(settings.worker)
    this.streams.then(server => {
      this.#server = server
    })
    this.load().catch(() => {
      /* the next call tries again and reports the error */
    })
  }

  /** Loads engine and saving. After an error, the next call tries again. */
  load() {
    this.#loaded ??= this.#load().catch(error => {
      this.#loaded = null
      throw error
    })
    return this.#loaded
  }

  /** Whether the service worker streams a file that the browser saves. */
  get saving() {
    return this.#server?.saving ?? false
  }

  close() {
    this.#isClosed = true
    this.#refresh?.stop()
    this.#loaded?.then(
      ({ engine }) => engine.close(),
      () => {}
    )
    this.streams.then(streams => streams?.close())
  }

  async #load() {
    const { tracker, iceServers, ice } = this.#settings
    const [{ Engine }, { removeOldDownloads }, saving, found] = await Promise.all([
      import('./engine.js'),
      import('./disk-store.js'),
      import('./save.js'),
      iceServers ? { servers: iceServers, ttl: null, refused: false, pages: null } : loadIceSettings(ice)
    ])
    this.refused = found.refused
    this.pages = found.pages
    removeOldDownloads().catch(() => {
      /* the next visit tries again */
    })
    forgetOldShares()
    const engine = new Engine({ tracker, iceServers: found.servers ?? [] })
    if (!this.#isClosed) {
      this.#refresh = new IceRefresh(
        () => loadIceSettings(ice),
        servers => engine.replaceIceServers(servers)
      )
      this.#refresh.start(found)
    }
    return { engine, saving }
  }
}

/** @param {string | null} worker @returns {Promise<StreamServer | null>} */
async function startStreams(worker) {
  if (!worker) return null
  try {
    const { StreamServer } = await import('./stream-server.js')
    return await StreamServer.start(worker)
  } catch {
    return null
  }
}
