// @ts-check
// The service worker of the sharing page. It answers /stream/<client>/<token> with bytes that the page of that client
// sends chunk by chunk. So media can play and files can be saved without being in memory.
// It caches nothing, handles no other request and keeps no state: the client's id is part of the address.

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self))

const PREFIX = new URL('stream/', worker.registration.scope).pathname
const HEAD_TIMEOUT_MS = 15_000
// Never script, worker, style or font: what other peers send must not become code of this origin.
const DESTINATIONS = new Set(['', 'audio', 'document', 'embed', 'iframe', 'image', 'object', 'track', 'video'])

/**
 * What the page sends: first the head of the response (status 0: the page did not reply), then chunks.
 * @typedef {{ status: number, headers: Record<string, string>, hasBody?: boolean }} Head
 * @typedef {{ bytes?: Uint8Array, failed?: boolean }} Chunk
 */

worker.addEventListener('install', () => worker.skipWaiting())
worker.addEventListener('activate', event => event.waitUntil(worker.clients.claim()))

worker.addEventListener('message', event => {
  // Any message keeps the worker alive for a while; "hello" also asks for the sender's id.
  if (event.data?.type !== 'hello') return
  const {
    source,
    ports: [port]
  } = event
  if (!(source instanceof Client) || !port) return
  // A page that was reloaded past the cache is not controlled until it is claimed again.
  event.waitUntil(worker.clients.claim().then(() => port.postMessage({ clientId: source.id })))
})

worker.addEventListener('fetch', event => {
  const { origin, pathname } = new URL(event.request.url)
  if (origin === worker.location.origin && pathname.startsWith(PREFIX))
    event.respondWith(answer(event.request, pathname))
})

/** @param {Request} request @param {string} pathname */
async function answer(request, pathname) {
  if (!['GET', 'HEAD'].includes(request.method)) return refusal(405, 'Only GET and HEAD are supported here.')
  if (!DESTINATIONS.has(request.destination)) return refusal(403, 'This file cannot be used as code.')
  const [clientId = '', token] = pathname.slice(PREFIX.length).split('/')
  const client = await worker.clients.get(clientId)
  if (!client) return refusal(410, 'The page that offered this file has been closed.')

  const { port1, port2 } = new MessageChannel()
  const reply = firstMessage(port1)
  client.postMessage({ type: 'stream', token, method: request.method, range: request.headers.get('range') }, [port2])
  const { status, headers, hasBody } = await reply
  if (status === 0) return refusal(504, 'The page that offered this file does not respond.')
  if (request.destination === 'document' && !headers['content-disposition']?.startsWith('attachment')) {
    headers['content-type'] = 'application/octet-stream'
    headers['content-disposition'] = 'attachment'
  }
  return new Response(hasBody ? bodyFrom(port1) : null, { status, headers })
}

/** @param {MessagePort} port @returns {Promise<Head>} */
function firstMessage(port) {
  return new Promise(resolve => {
    const timer = setTimeout(() => resolve({ status: 0, headers: {} }), HEAD_TIMEOUT_MS)
    port.onmessage = ({ data }) => {
      clearTimeout(timer)
      resolve(data)
    }
  })
}

/**
 * Requests one chunk at a time, so that no more is in memory than the reader takes.
 * @param {MessagePort} port @returns {ReadableStream<Uint8Array>}
 */
function bodyFrom(port) {
  return new ReadableStream(
    {
      pull: controller =>
        new Promise(resolve => {
          port.onmessage = (/** @type {MessageEvent<Chunk>} */ { data }) => {
            if (data.bytes) controller.enqueue(data.bytes)
            else if (data.failed) controller.error(new TypeError('the transfer was interrupted'))
            else controller.close()
            resolve()
          }
          port.postMessage('pull')
        }),
      cancel: () => port.postMessage('cancel')
    },
    { highWaterMark: 0 }
  )
}

/** @param {number} status @param {string} text */
const refusal = (status, text) =>
  new Response(text, {
    status,
    headers: {
      'content-type': 'text/plain; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox"
    }
  })
