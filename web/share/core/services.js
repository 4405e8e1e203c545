// @ts-check
// What transfers need from elsewhere, loaded once and early: the engine with its ICE settings, the saving of files,
// and the service worker. Early, so that a page that stays open works on when the server goes away; and only here,
// because none of it can be loaded in a browser that lacks the basics. Used by swarm-share.

import { loadIceServers } from './environment.js'

/** @typedef {import('./engine.js').Engine} Engine */
/** @typedef {import('./stream-server.js').StreamServer} StreamServer */

/**
 * @typedef {object} Settings
 * @property {string} tracker WebSocket address
 * @property {RTCIceServer[] | null} iceServers when the page gives them itself
 * @property {string | null} ice where they are asked for otherwise
 * @property {string | null} worker address of the service worker
 */

export class Services {
  #settings
  /** @type {Promise<{ engine: Engine, saving: typeof import('./save.js') }> | null} */
  #loaded = null
  /** Null where service workers are missing or forbidden; private windows often forbid them. @type {Promise<StreamServer | null>} */
  streams
  /** @type {StreamServer | null} */
  #server = null
  /** Whether the tracker wants a token that the page does not have. */
  refused = false
  /** Where other machines can open the page: told to a page on `localhost` alone. @type {string[] | null} */
  pages = null

  /** @param {Settings} settings */
  constructor(settings) {
    this.#settings = settings
    this.streams = startStreams(settings.worker)
    this.streams.then(server => {
      this.#server = server
    })
    this.load().catch(() => {
      /* told when it is needed, after another attempt */
    })
  }

  /** Engine and saving; a failure to load them is not kept. */
  load() {
    this.#loaded ??= this.#load().catch(error => {
      this.#loaded = null
      throw error
    })
    return this.#loaded
  }

  /** Whether a file is on its way to where the browser saves downloads. */
  get saving() {
    return this.#server?.saving ?? false
  }

  close() {
    this.#loaded?.then(
      ({ engine }) => engine.close(),
      () => {}
    )
    this.streams.then(streams => streams?.close())
  }

  async #load() {
    const { tracker, iceServers, ice } = this.#settings
    const [{ Engine }, { forgetOldDownloads }, saving, found] = await Promise.all([
      import('./engine.js'),
      import('./disk-store.js'),
      import('./save.js'),
      iceServers ? { servers: iceServers, refused: false, pages: null } : loadIceServers(ice)
    ])
    this.refused = found.refused
    this.pages = found.pages
    forgetOldDownloads().catch(() => {
      /* tried again at the next visit */
    })
    return { engine: new Engine({ tracker, iceServers: found.servers }), saving }
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
