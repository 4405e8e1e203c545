// @ts-check
// The service worker of the sharing page. It answers /stream/<client>/<token> with bytes that the page of that client
// sends chunk by chunk. So media can play and files can be saved without being in memory. As `sw.js?share-target`, which the
// sharing page registers, it also takes what the system's share sheet posts to /share-target, and hands it to the page that
// opens: a copy on another site must not. It caches nothing and handles no other request.

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self))

const PREFIX = new URL('stream/', worker.registration.scope).pathname
const TAKES_POSTS = new URL(worker.location.href).searchParams.has('share-target')
const SHARE_TARGET = new URL('share-target', worker.registration.scope).pathname
const HEAD_TIMEOUT_MS = 15_000
/** How long posted files wait for their page, which then has loaded or never will. */
const TAKE_TIMEOUT_MS = 60_000
/** Number of posts that wait for their page. */
const POSTS_MAX = 4
// Never script, worker, style or font: what other peers send must not become code of this origin.
const DESTINATIONS = new Set(['', 'audio', 'document', 'embed', 'iframe', 'image', 'object', 'track', 'video'])

/**
 * What the page sends: first the head of the response (status 0: the page did not reply), then chunks.
 * @typedef {{ status: number, headers: Record<string, string>, hasBody?: boolean }} Head
 * @typedef {{ bytes?: Uint8Array, failed?: boolean }} Chunk
 */

/**
 * What the system's share sheet posted, for the page that opens.
 * @typedef {{ files: File[], texts: string[] }} Post
 * Posts that wait, by id, the oldest first; each has a function that ends the waiting.
 * @type {Map<string, { post: Post, end: () => void }>}
 */
const posts = new Map()

worker.addEventListener('install', () => worker.skipWaiting())
worker.addEventListener('activate', event => event.waitUntil(worker.clients.claim()))

worker.addEventListener('message', event => {
  // Any message keeps the worker alive for a while; "hello" also asks for the sender's id, and "take" for what was posted.
  const {
    data,
    source,
    ports: [port]
  } = event
  if (data?.type === 'take') return port?.postMessage(take(String(data.id)))
  if (data?.type !== 'hello' || !(source instanceof Client) || !port) return
  // A page that was reloaded past the cache is not controlled until it is claimed again.
  event.waitUntil(worker.clients.claim().then(() => port.postMessage({ clientId: source.id })))
})

worker.addEventListener('fetch', event => {
  const { origin, pathname } = new URL(event.request.url)
  if (origin !== worker.location.origin) return
  if (pathname.startsWith(PREFIX)) event.respondWith(answer(event.request, pathname))
  const { method, mode } = event.request
  const isPost = pathname === SHARE_TARGET && method === 'POST' && mode === 'navigate'
  if (TAKES_POSTS && isPost) event.respondWith(receive(event))
})

worker.addEventListener('notificationclick', event => {
  event.notification.close()
  event.waitUntil(showClient(event.notification.data?.clientId))
})

/** Shows the page that a notification is about, else another one, else a new one. @param {string} [id] */
async function showClient(id) {
  const pages = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true })
  const page = pages.find(client => client.id === id) ?? pages[0]
  await (page ? page.focus() : worker.clients.openWindow(worker.registration.scope))
}

/** Keeps what was posted, and opens the page that takes it. @param {FetchEvent} event */
async function receive(event) {
  const page = new URL('./', worker.registration.scope)
  const token = new URL(event.request.url).searchParams.get('token')
  if (token) page.searchParams.set('token', token)
  let id = 'none'
  try {
    const form = await event.request.formData()
    id = crypto.randomUUID()
    event.waitUntil(keep(id, postOf(form)))
  } catch {
    // The page says that nothing arrived.
  }
  page.searchParams.set('received', id)
  return Response.redirect(page.href, 303)
}

/** @param {FormData} form @returns {Post} */
function postOf(form) {
  // An empty field of a form has a file without a name.
  const files = form
    .getAll('files')
    .flatMap(value => (value instanceof File && (value.name || value.size) ? value : []))
  const texts = ['title', 'text', 'url'].map(name => form.get(name)).filter(value => typeof value === 'string')
  return { files, texts: texts.filter(text => text.trim() !== '') }
}

/** Keeps a post until a page takes it, or the time is over. The promise keeps the worker alive. @param {string} id @param {Post} post */
function keep(id, post) {
  const [oldest] = posts.keys()
  if (posts.size >= POSTS_MAX && oldest) take(oldest)
  return new Promise(resolve => {
    const timer = setTimeout(() => take(id), TAKE_TIMEOUT_MS)
    const end = () => {
      clearTimeout(timer)
      resolve(undefined)
    }
    posts.set(id, { post, end })
  })
}

/** Returns a post and forgets it; null: there is none, or it was too late. @param {string} id */
function take(id) {
  const waiting = posts.get(id)
  posts.delete(id)
  waiting?.end()
  return waiting?.post ?? null
}

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
