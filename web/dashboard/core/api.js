// @ts-check
// Sends requests to the API of this server, with the admin token after sign-in. The token stays in the storage of this
// tab; only the Authorization header contains it. It uses no elements.

/** @typedef {import('../../types/api-client').Method} Method */
/** @typedef {{ path?: Record<string, unknown>, query?: Record<string, unknown>, body?: unknown }} Options */
/** @template {Method} M @typedef {import('../../types/api-client').PathOf<M>} PathOf */
/** @template {Method} M @template {string} P @typedef {import('../../types/api-client').RequestArguments<M, P>} RequestArguments */
/** @template {Method} M @template {string} P @typedef {import('../../types/api-client').Answer<M, P>} Answer */

/** Relative to the page, because a proxy may serve it under any path. */
const API = 'api/v1/'
const STORAGE_KEY = 'swarmhub-admin-token'
const TIMEOUT_MS = 10_000

export class ApiError extends Error {
  /** @param {number} status 0: no response @param {string} message @param {{ errors?: string[], retryAfter?: number | null }} [more] */
  constructor(status, message, { errors = [], retryAfter = null } = {}) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    /** The single errors, if the response has several. */
    this.errors = errors
    /** Seconds until the next request makes sense. @type {number | null} */
    this.retryAfter = retryAfter
  }
}

/** Fires `session` at sign-in and sign-out. */
export class Api extends EventTarget {
  /** @type {string | null} */
  #token = storedToken()

  get signedIn() {
    return this.#token !== null
  }

  /**
   * The types of path, parameters and answer come from the OpenAPI document.
   * @template {PathOf<'get'>} P
   * @param {P} path below /api/v1/, with the names of its parameters @param {RequestArguments<'get', P>} options
   * @returns {Promise<Answer<'get', P>>}
   */
  get(path, ...options) {
    return this.send('get', path, ...options)
  }

  /**
   * @template {Method} M @template {PathOf<M>} P
   * @param {M} method @param {P} path below /api/v1/, with the names of its parameters @param {RequestArguments<M, P>} options
   * @returns {Promise<Answer<M, P>>}
   */
  async send(method, path, ...options) {
    const token = this.#token
    try {
      return await request(method, path, token, options[0])
    } catch (error) {
      // The server has a new token. Do not undo a later sign-in.
      if (error instanceof ApiError && error.status === 401 && token !== null && token === this.#token) this.signOut()
      throw error
    }
  }

  /** Requests the stream of server-sent events. @param {AbortSignal} signal */
  stream(signal) {
    return fetch(`${API}live`, {
      signal,
      headers: { ...authorization(this.#token), Accept: 'text/event-stream' },
      cache: 'no-store',
      credentials: 'omit'
    })
  }

  /** Checks a token and stores it. @param {string} token @throws {ApiError} */
  async signIn(token) {
    await request('get', 'session', token)
    this.#setToken(token)
  }

  signOut() {
    this.#setToken(null)
  }

  /** @param {string | null} token */
  #setToken(token) {
    this.#token = token
    try {
      if (token === null) sessionStorage.removeItem(STORAGE_KEY)
      else sessionStorage.setItem(STORAGE_KEY, token)
    } catch {
      // Without storage, the session lasts until the page closes.
    }
    this.dispatchEvent(new Event('session'))
  }
}

function storedToken() {
  try {
    return sessionStorage.getItem(STORAGE_KEY)
  } catch {
    return null
  }
}

/** @param {string | null} token @returns {Record<string, string>} */
const authorization = token => (token === null ? {} : { Authorization: `Bearer ${token}` })

/** Returns a path below /api/v1/ with its parameters. @param {string} path @param {Options} options */
export function targetOf(path, { path: parts = {}, query = {} }) {
  const target = path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(String(parts[name])))
  const given = Object.entries(query).filter(([, value]) => value !== undefined)
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()
  return text ? `${target}?${text}` : target
}

/** @param {Method} method @param {string} path below /api/v1/ @param {string | null} token @param {Options} [options] */
async function request(method, path, token, options = {}) {
  const { body } = options
  let response
  try {
    response = await fetch(API + targetOf(path, options), {
      method: method.toUpperCase(),
      headers: { ...authorization(token), ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: 'no-store',
      credentials: 'omit',
      signal: AbortSignal.timeout(TIMEOUT_MS)
    })
  } catch {
    throw new ApiError(0, 'The tracker does not answer.')
  }
  const text = await response.text().catch(() => '')
  const data = parsed(text)
  if (!response.ok) throw errorOf(response, data, text)
  return data
}

/** Creates the error of a response. @param {Response} response @param {Partial<import('../../types/api-client').Schemas['ErrorResponse']> | null} data @param {string} text */
export function errorOf(response, data, text = '') {
  const errors = data?.errors ?? []
  const message =
    data?.error ??
    (errors.length
      ? errors.join(' ')
      : response.headers.get('content-type')?.startsWith('text/plain')
        ? text.trim().slice(0, 300)
        : '')
  const retryAfter = Number(response.headers.get('retry-after')) || null
  return new ApiError(response.status, message || `The tracker answered ${response.status}.`, { errors, retryAfter })
}

/** @param {string} text */
function parsed(text) {
  try {
    return text ? JSON.parse(text) : null
  } catch {
    return null
  }
}
