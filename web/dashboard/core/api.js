// @ts-check
// Requests to the API of this server, with the admin token where somebody is signed in. The token stays in the storage
// of this tab and goes out in one header only. Knows no elements.

/** Beside the page, wherever a proxy has put that. */
const API = 'api/v1/'
const TOKEN = 'swarmhub-admin-token'
/** An answer that takes longer is none. */
const PATIENCE_MS = 10_000

export class ApiError extends Error {
  /** @param {number} status 0 when nothing answered @param {string} message @param {{ errors?: string[], retryAfter?: number | null }} [more] */
  constructor(status, message, { errors = [], retryAfter = null } = {}) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    /** One for each thing that is wrong, where there are several. */
    this.errors = errors
    /** Seconds. @type {number | null} */
    this.retryAfter = retryAfter
  }
}

/** Fires `session` when somebody signs in or out. */
export class Api extends EventTarget {
  /** @type {string | null} */
  #token = kept()

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
      // The token was changed on the server. A sign-in since then is not undone.
      if (error instanceof ApiError && error.status === 401 && token !== null && token === this.#token) this.signOut()
      throw error
    }
  }

  /** The stream of server-sent events. @param {AbortSignal} signal */
  stream(signal) {
    return fetch(`${API}live`, {
      signal,
      headers: { ...authorization(this.#token), Accept: 'text/event-stream' },
      cache: 'no-store',
      credentials: 'omit'
    })
  }

  /** @param {string} token @throws {ApiError} */
  async signIn(token) {
    await request('GET', 'session', token)
    this.#keep(token)
  }

  signOut() {
    this.#keep(null)
  }

  /** @param {string | null} token */
  #keep(token) {
    this.#token = token
    try {
      if (token === null) sessionStorage.removeItem(TOKEN)
      else sessionStorage.setItem(TOKEN, token)
    } catch {
      // Storage is switched off: signed in until the page is left.
    }
    this.dispatchEvent(new Event('session'))
  }
}

function kept() {
  try {
    return sessionStorage.getItem(TOKEN)
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
      signal: AbortSignal.timeout(PATIENCE_MS)
    })
  } catch {
    throw new ApiError(0, 'The tracker does not answer.')
  }
  const text = await response.text().catch(() => '')
  const data = parsed(text)
  if (!response.ok) throw errorOf(response, data, text)
  return data
}

/** @param {Response} response @param {any} data @param {string} text */
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
