import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { mock, test } from 'node:test'
import { runInNewContext } from 'node:vm'

const SCOPE = 'https://hub.example/a/'
const code = await readFile(new URL('../share/sw.js', import.meta.url), 'utf8')

/** The service worker in a context of its own, with the pages of `clients`. @param {string} [script] how it is registered */
function worker(clients = [], script = 'sw.js?share-target') {
  const listeners = new Map()
  const opened = []
  const self = {
    location: new URL(script, SCOPE),
    registration: { scope: SCOPE },
    clients: {
      matchAll: async () => clients,
      get: async id => clients.find(client => client.id === id),
      openWindow: async url => opened.push(url)
    },
    addEventListener: (type, listener) => listeners.set(type, listener)
  }
  const context = {
    self,
    URL,
    Response,
    File,
    MessageChannel,
    ReadableStream,
    crypto,
    // A post that nobody fetches must not keep this process running.
    setTimeout: (callback, milliseconds) => {
      const timer = setTimeout(callback, milliseconds)
      timer.unref?.()
      return timer
    },
    clearTimeout,
    Map,
    Set
  }
  runInNewContext(code, { ...context, Client: class {} })
  const waiting = []
  /** Fires an event and returns the response that the worker gives. */
  const fire = (type, event) => {
    let response = null
    listeners.get(type)?.({
      ...event,
      waitUntil: promise => waiting.push(promise),
      respondWith: promise => {
        response = promise
      }
    })
    return response
  }
  const post = async form => {
    const request = {
      url: `${SCOPE}share-target?token=t%26`,
      method: 'POST',
      mode: 'navigate',
      formData: async () => form
    }
    const response = /** @type {Response} */ (await fire('fetch', { request }))
    assert.equal(response.status, 303)
    const page = new URL(response.headers.get('location') ?? '')
    assert.equal(page.origin + page.pathname, SCOPE)
    assert.equal(page.searchParams.get('token'), 't&')
    return page.searchParams.get('received')
  }
  const take = id => {
    let taken
    fire('message', { data: { type: 'take', id }, ports: [{ postMessage: data => (taken = data) }] })
    return taken
  }
  return { fire, post, take, waiting, opened }
}

/** @param {string} name */
function formOf(name) {
  const form = new FormData()
  form.append('files', new File([name], name))
  form.append('files', new File([], ''))
  form.append('title', '')
  form.append('text', 'a caption')
  return form
}

test('a post is handed to the page that knows its id, once', async () => {
  const { post, take, waiting } = worker()
  const id = await post(formOf('a.txt'))
  assert.equal(take('other'), null)
  const { files, texts } = take(id)
  assert.deepEqual([files.map(({ name }) => name), [...texts]], [['a.txt'], ['a caption']])
  assert.equal(take(id), null)
  // The worker may end.
  await Promise.all(waiting)
})

test('posts wait for a limited time and in a limited number', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    const { post, take, waiting } = worker()
    const ids = []
    for (let i = 0; i < 5; i++) ids.push(await post(formOf(`${i}.txt`)))
    assert.equal(take(ids[0]), null, 'the oldest one has made room')
    assert.equal(take(ids[1]).files[0].name, '1.txt')
    mock.timers.tick(61_000)
    for (const id of ids) assert.equal(take(id), null)
    await Promise.all(waiting)
  } finally {
    mock.timers.reset()
  }
})

test('a post that cannot be read opens the page too', async () => {
  const { post } = worker()
  const broken = { formData: () => Promise.reject(new TypeError('broken')) }
  assert.equal(await post(broken.formData()), 'none')
})

test('other requests go to the server', () => {
  const { fire } = worker()
  for (const request of [
    { url: SCOPE, method: 'GET', mode: 'navigate' },
    { url: `${SCOPE}share-target`, method: 'GET', mode: 'navigate' },
    { url: `${SCOPE}share-target`, method: 'POST', mode: 'cors' },
    { url: `${SCOPE}b/share-target`, method: 'POST', mode: 'navigate' },
    { url: 'https://other.example/a/share-target', method: 'POST', mode: 'navigate' }
  ])
    assert.equal(fire('fetch', { request }), null, `${request.method} ${request.url}`)
})

test('a copy on another site takes no posts', async () => {
  const request = {
    url: `${SCOPE}share-target`,
    method: 'POST',
    mode: 'navigate',
    formData: async () => formOf('a.txt')
  }
  assert.ok(worker().fire('fetch', { request }))
  for (const script of ['sw.js', 'swarm-sw.js?v=2']) assert.equal(worker([], script).fire('fetch', { request }), null)
})

test('a click on a notification shows its page, else another, else a new one', async () => {
  const click = async (ids, clientId) => {
    const seen = []
    const clients = ids.map(id => ({ id, focus: async () => seen.push(id) }))
    const { fire, waiting, opened } = worker(clients)
    fire('notificationclick', { notification: { data: clientId && { clientId }, close: () => seen.push('closed') } })
    await Promise.all(waiting)
    return [...seen, ...opened]
  }
  assert.deepEqual(await click(['a', 'b'], 'b'), ['closed', 'b'])
  assert.deepEqual(await click(['a', 'b'], 'gone'), ['closed', 'a'])
  assert.deepEqual(await click(['a'], undefined), ['closed', 'a'])
  assert.deepEqual(await click([], 'b'), ['closed', SCOPE])
})
