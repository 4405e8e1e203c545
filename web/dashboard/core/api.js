// @ts-check
// Sends requests to the API of this server, with the admin token after sign-in. The token stays in the storage of this
// tab; only the Authorization header contains it. It uses no elements.

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

  /** @param {string} path @returns {Promise<any>} */
  get(path) {
    return this.send('GET', path)
  }

  /** @param {string} method @param {string} path @param {unknown} [body] @returns {Promise<any>} */
  async send(method, path, body) {
    const token = this.#token
    try {
      return await request(method, path, token, body)
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
    await request('GET', 'session', token)
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

/** @param {string} method @param {string} path below /api/v1/ @param {string | null} token @param {unknown} [body] */
async function request(method, path, token, body) {
  let response
  try {
    response = await fetch(`${API}${path}`, {
      method,
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

/** Creates the error of a response. @param {Response} response @param {any} data @param {string} text */
export function errorOf(response, data, text = '') {
  const errors = Array.isArray(data?.errors)
    ? data.errors.map((/** @type {any} */ error) =>
        typeof error === 'string' ? error : [error?.key, error?.error ?? error?.message].filter(Boolean).join(': ')
      )
    : []
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
