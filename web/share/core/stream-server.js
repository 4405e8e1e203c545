// @ts-check
// Serves files through the service worker (sw.js): it gives a file an address of this origin, where the browser can play,
// show or save it during the download. It creates the headers; a resource delivers the bytes. A page can have several
// servers, each with its own addresses. The preview and saving use it. It uses no DOM.

import { workerUrl } from '../../common/trusted-script.js'
import { inTime } from '../lib/in-time.js'
import { parseRange } from '../lib/ranges.js'

/** An idle reader releases its pieces after this time. Its next request continues at the same position. */
const IDLE_MS = 60_000
/** Browsers stop an idle service worker after 30 s, also during a stream. */
const PING_MS = 15_000
const START_MS = 10_000

/**
 * @typedef {object} Resource
 * @property {string} name of the saved file
 * @property {string} type media type
 * @property {number} size bytes
 * @property {boolean} attachment whether to save it instead of showing it
 * @property {boolean} seekable whether `open` allows a start other than 0
 * @property {(start: number, end: number) => ReadableStream<Uint8Array>} open the range is inclusive; not called for size 0
 * @property {() => void} [delivered] called when a response was read to the end of the file
 */

export class StreamServer {
  /** @type {Map<string, Resource>} */
  #resources = new Map()
  /** The start of each token. It identifies this server: the worker's messages reach all servers of the page. */
  #prefix = `${crypto.randomUUID()}.`
  #clientId
  #registration
  /** The responses that are being read. @type {Map<ResponseBody, Resource>} */
  #open = new Map()
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #ping

  /**
   * Registers the worker and waits until it controls the page.
   * @param {string} script address of the service worker
   * @returns {Promise<StreamServer>} rejects if service workers are missing, forbidden or do not start
   */
  static async start(script) {
    if (!navigator.serviceWorker) throw new Error('no service workers here')
    const registered = await navigator.serviceWorker.register(workerUrl(script), { updateViaCache: 'none' })
    // If it does not come, the older one works too.
    await inTime(takenOver(registered), START_MS, 'the new service worker does not start').catch(() => {})
    const registration = await inTime(navigator.serviceWorker.ready, START_MS, 'the service worker does not start')
    return new StreamServer(registration, await clientIdOf(registration, START_MS))
  }

  /** @param {ServiceWorkerRegistration} registration @param {string} clientId */
  constructor(registration, clientId) {
    this.#registration = registration
    this.#clientId = clientId
    navigator.serviceWorker.addEventListener('message', this.#onMessage)
  }

  /**
   * Creates an address for `resource`.
   * @param {Resource} resource
   * @returns {{ url: string, revoke: () => void }}
   */
  publish(resource) {
    const token = this.#prefix + crypto.randomUUID()
    this.#resources.set(token, resource)
    // Without the name: if no worker controls the frame, its request goes to the server.
    const url = new URL(`stream/${this.#clientId}/${token}`, this.#registration.scope).href
    return {
      url,
      revoke: () => {
        this.#resources.delete(token)
      }
    }
  }

  /** Whether the browser is saving a file. */
  get saving() {
    return [...this.#open.values()].some(({ attachment }) => attachment)
  }

  close() {
    navigator.serviceWorker.removeEventListener('message', this.#onMessage)
    this.#resources.clear()
    clearInterval(this.#ping)
  }

  /** @param {MessageEvent} event */
  #onMessage = ({ data, ports: [port] }) => {
    if (data?.type !== 'stream' || !port || !data.token.startsWith(this.#prefix)) return
    const resource = this.#resources.get(data.token)
    if (!resource) return port.postMessage({ status: 404, headers: SAFE, hasBody: false })
    const { status, headers, range } = responseTo(resource, data.range)
    const hasBody = data.method === 'GET' && range !== null
    if (hasBody) this.#serve(port, resource, range)
    port.postMessage({ status, headers, hasBody })
  }

  /** @param {MessagePort} port @param {Resource} resource @param {{ start: number, end: number }} range */
  #serve(port, resource, range) {
    const body = new ResponseBody(resource, range)
    // At the time of the ping, a newer worker may be active.
    if (this.#open.size === 0)
      this.#ping = setInterval(() => this.#registration.active?.postMessage({ type: 'ping' }), PING_MS)
    this.#open.set(body, resource)
    const end = () => {
      // Called twice if a reader cancels while a piece is loading.
      if (!this.#open.delete(body)) return
      port.onmessage = null
      body.release()
      if (this.#open.size === 0) clearInterval(this.#ping)
    }
    port.onmessage = async ({ data }) => {
      if (data === 'cancel') return end()
      try {
        const bytes = await body.next()
        port.postMessage({ bytes })
        if (bytes) return
        end()
        if (range.end === resource.size - 1) resource.delivered?.()
      } catch {
        port.postMessage({ failed: true })
        end()
      }
    }
  }
}

/**
 * Waits until a worker that takes the place of an older one is active, or has failed: the end of the older one would break
 * off what it answers. @param {ServiceWorkerRegistration} registration
 */
function takenOver({ installing, waiting }) {
  const newest = installing ?? waiting
  return new Promise(resolve => {
    const look = () => {
      if (!newest || newest.state === 'activated' || newest.state === 'redundant') resolve(null)
    }
    newest?.addEventListener('statechange', look)
    look()
  })
}

/**
 * Returns the id that the service worker knows this page by. Rejects if it does not answer in time, or is another one.
 * @param {ServiceWorkerRegistration} registration @param {number} milliseconds @returns {Promise<string>}
 */
export function clientIdOf(registration, milliseconds) {
  const { port1, port2 } = new MessageChannel()
  const hello = new Promise(resolve => {
    port1.onmessage = ({ data }) => resolve(data.clientId)
  })
  registration.active?.postMessage({ type: 'hello' }, [port2])
  return inTime(hello, milliseconds, 'the service worker does not answer').finally(() => port1.close())
}

/** The bytes of one response, chunk by chunk. */
class ResponseBody {
  #resource
  #at
  #end
  /** @type {ReadableStreamDefaultReader<Uint8Array> | null} */
  #reader = null
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #idle

  /** @param {Resource} resource @param {{ start: number, end: number }} range */
  constructor(resource, { start, end }) {
    this.#resource = resource
    this.#at = start
    this.#end = end
  }

  /** @returns {Promise<Uint8Array | null>} null at the end */
  async next() {
    clearTimeout(this.#idle)
    const left = this.#end - this.#at + 1
    if (left <= 0) return null
    this.#reader ??= this.#resource.open(this.#at, this.#end).getReader()
    const { value, done } = await this.#reader.read()
    if (done || !value) throw new Error('the file ended early')
    // A message would contain the whole buffer of a view; a copy of the part is smaller.
    const bytes = value.byteLength > left || value.byteLength !== value.buffer.byteLength ? value.slice(0, left) : value
    this.#at += bytes.byteLength
    // Paused media request nothing for a long time. Only a seekable resource can continue after a release.
    if (this.#resource.seekable) this.#idle = setTimeout(() => this.release(), IDLE_MS)
    return bytes
  }

  release() {
    clearTimeout(this.#idle)
    this.#reader?.cancel().catch(() => {})
    this.#reader = null
  }
}

const SAFE = {
  'cache-control': 'no-store',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff'
}

/** @param {Resource} resource @param {string | null} header */
function responseTo({ name, type, size, attachment, seekable }, header) {
  const wanted = seekable ? parseRange(header, size) : 'whole'
  /** @type {Record<string, string>} */
  const headers = {
    ...SAFE,
    'content-type': attachment ? 'application/octet-stream' : type,
    'content-disposition': `${attachment ? 'attachment' : 'inline'}; filename*=UTF-8''${encodeName(name)}`,
    'accept-ranges': seekable ? 'bytes' : 'none',
    // A file must load nothing, run nothing and not be framed by other sites. PDF viewers do not start in a sandbox.
    'content-security-policy':
      type === 'application/pdf' ? "frame-ancestors 'self'" : "default-src 'none'; frame-ancestors 'self'; sandbox"
  }
  if (wanted === 'unsatisfiable')
    return { status: 416, headers: { ...headers, 'content-range': `bytes */${size}` }, range: null }
  const range = wanted === 'whole' ? { start: 0, end: size - 1 } : wanted
  headers['content-length'] = String(range.end - range.start + 1)
  if (wanted === 'whole') return { status: 200, headers, range }
  return { status: 206, headers: { ...headers, 'content-range': `bytes ${range.start}-${range.end}/${size}` }, range }
}

/** Encodes a file name (RFC 5987). @param {string} name */
const encodeName = name =>
  encodeURIComponent(name).replace(/['()*!]/g, c => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
