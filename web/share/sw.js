// Service worker of the sharing page: it answers /stream/<client>/<token>/… with bytes that the page of that
// client hands over piece by piece, so that media play and files are saved without being held in memory.
// It caches nothing, touches no other request, and keeps no state: the client's id stands in the address.

const PREFIX = new URL('stream/', self.registration.scope).pathname
const HEAD_TIMEOUT_MS = 15_000
// Never script, worker, style or font: what strangers send must not become code of this origin.
const DESTINATIONS = new Set(['', 'audio', 'document', 'embed', 'iframe', 'image', 'object', 'track', 'video'])

self.addEventListener('install', () => self.skipWaiting())
self.addEventListener('activate', event => event.waitUntil(self.clients.claim()))

self.addEventListener('message', event => {
  // Any message keeps the worker alive for a while; "hello" also asks for the sender's id.
  if (event.data?.type !== 'hello') return
  const { source, ports: [port] } = event
  // A page that was reloaded past the cache is not controlled until it is claimed again.
  event.waitUntil(self.clients.claim().then(() => port.postMessage({ clientId: source.id })))
})

self.addEventListener('fetch', event => {
  const { origin, pathname } = new URL(event.request.url)
  if (origin === self.location.origin && pathname.startsWith(PREFIX)) event.respondWith(answer(event.request, pathname))
})

async function answer (request, pathname) {
  if (!['GET', 'HEAD'].includes(request.method)) return refusal(405, 'Only GET and HEAD are answered here.')
  if (!DESTINATIONS.has(request.destination)) return refusal(403, 'This cannot be used as code.')
  const [clientId, token] = pathname.slice(PREFIX.length).split('/')
  const client = await self.clients.get(clientId)
  if (!client) return refusal(410, 'The page that offered this file has been closed.')

  const { port1, port2 } = new MessageChannel()
  const head = firstMessage(port1)
  client.postMessage({ type: 'stream', token, method: request.method, range: request.headers.get('range') }, [port2])
  const { status, headers, hasBody } = await head
  if (status === 0) return refusal(504, 'The page that offered this file does not answer.')
  if (request.destination === 'document' && !headers['content-disposition']?.startsWith('attachment')) {
    headers['content-type'] = 'application/octet-stream'
    headers['content-disposition'] = 'attachment'
  }
  return new Response(hasBody ? bodyFrom(port1) : null, { status, headers })
}

function firstMessage (port) {
  return new Promise(resolve => {
    const timer = setTimeout(() => resolve({ status: 0 }), HEAD_TIMEOUT_MS)
    port.onmessage = ({ data }) => {
      clearTimeout(timer)
      resolve(data)
    }
  })
}

/** Asks for one chunk at a time, so that no more is in memory than the reader takes. */
function bodyFrom (port) {
  return new ReadableStream({
    pull: controller => new Promise(resolve => {
      port.onmessage = ({ data }) => {
        if (data.bytes) controller.enqueue(data.bytes)
        else if (data.failed) controller.error(new TypeError('the transfer was interrupted'))
        else controller.close()
        resolve()
      }
      port.postMessage('pull')
    }),
    cancel: () => port.postMessage('cancel')
  }, { highWaterMark: 0 })
}

const refusal = (status, text) => new Response(text, {
  status,
  headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff', 'content-security-policy': "default-src 'none'; sandbox" }
})
