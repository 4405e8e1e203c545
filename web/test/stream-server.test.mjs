import assert from 'node:assert/strict'
import { afterEach, beforeEach, mock, test } from 'node:test'

const here = /** @type {any} */ ({})
beforeEach(async () => {
  here.pages = new EventTarget()
  Object.defineProperty(globalThis, 'navigator', { configurable: true, value: { serviceWorker: here.pages } })
  const { StreamServer } = await import('../share/core/stream-server.js')
  const registration = /** @type {any} */ ({ scope: 'http://localhost/', active: { postMessage() {} } })
  here.servers = [new StreamServer(registration, 'me'), new StreamServer(registration, 'me')]
})
afterEach(() => {
  for (const server of here.servers) server.close()
})

const resource = (more = {}) => ({
  name: 'a.bin',
  type: 'application/octet-stream',
  size: 4,
  attachment: true,
  seekable: true,
  open: () => new Blob(['data']).stream(),
  ...more
})

/** Asks as the service worker does; gives its port and the next message that comes. @param {string} url */
function ask(url, method = 'GET') {
  const { port1, port2 } = new MessageChannel()
  /** @type {any[]} */
  const seen = []
  /** @type {(() => void) | null} */
  let wake = null
  port1.onmessage = ({ data }) => {
    seen.push(data)
    wake?.()
  }
  const next = async () => {
    while (seen.length === 0)
      await new Promise(resolve => {
        wake = () => resolve(undefined)
      })
    return seen.shift()
  }
  const event = Object.assign(new Event('message'), {
    data: { type: 'stream', token: url.split('/')[5], method, range: null },
    ports: [port2]
  })
  here.pages.dispatchEvent(event)
  return { port: port1, next }
}

test('two servers of a page answer for their own addresses', async () => {
  const [first, second] = here.servers
  for (const server of [first, second]) {
    const { url, revoke } = server.publish(resource())
    assert.ok(!url.includes('a.bin'), 'the name is in a header only: a request can miss the worker')
    const { port, next } = ask(url, 'HEAD')
    assert.equal((await next()).status, 200)
    port.close()
    revoke()
    const again = ask(url, 'HEAD')
    assert.equal((await again.next()).status, 404)
    again.port.close()
  }
})

test('a file counts as saving until its last byte', async () => {
  const [server] = here.servers
  const shown = ask(server.publish(resource({ attachment: false })).url)
  await shown.next()
  assert.equal(server.saving, false)
  const saved = ask(server.publish(resource()).url)
  assert.equal((await saved.next()).hasBody, true)
  assert.equal(server.saving, true)
  for (const expected of ['data', null]) {
    saved.port.postMessage('pull')
    const { bytes } = await saved.next()
    assert.equal(bytes && new TextDecoder().decode(bytes), expected)
  }
  assert.equal(server.saving, false)
  for (const { port } of [shown, saved]) port.close()
})

test('a reader that cancels during a piece is removed once', async () => {
  const [server] = here.servers
  const stalled = () => new ReadableStream({ pull: () => new Promise(() => {}) }, { highWaterMark: 0 })
  const left = ask(server.publish(resource({ open: stalled })).url)
  await left.next()
  left.port.postMessage('pull')
  left.port.postMessage('cancel')
  assert.deepEqual(await left.next(), { failed: true })
  assert.equal(server.saving, false)
  const stays = ask(server.publish(resource({ open: stalled })).url)
  await stays.next()
  assert.equal(server.saving, true)
  for (const { port } of [left, stays]) port.close()
})

/** Starts a server while a newer worker passes through these states. @param {string[]} states @returns {Promise<string>} the state at the start */
async function startDuring(states) {
  const { StreamServer } = await import('../share/core/stream-server.js')
  Object.defineProperty(globalThis, 'location', { configurable: true, value: new URL('http://localhost/') })
  const worker = Object.assign(new EventTarget(), { state: 'installing' })
  const active = { postMessage: (_, [port]) => port.postMessage({ clientId: worker.state }) }
  const registration = { scope: 'http://localhost/', installing: worker, waiting: null, active }
  Object.assign(here.pages, { register: async () => registration, ready: Promise.resolve(registration) })
  const started = StreamServer.start('http://localhost/sw.js')
  for (const state of states) {
    await new Promise(resolve => setImmediate(resolve))
    worker.state = state
    worker.dispatchEvent(new Event('statechange'))
  }
  const server = await started
  here.servers.push(server)
  Reflect.deleteProperty(globalThis, 'location')
  return new URL(server.publish(resource()).url).pathname.split('/')[2]
}

test('a server starts once the worker that takes the place of another is active, or has failed', async () => {
  assert.equal(await startDuring(['installed', 'activating', 'activated']), 'activated')
  assert.equal(await startDuring(['redundant']), 'redundant')
})

test('a server starts with the older worker if the newer one does not come', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    const started = startDuring([])
    await new Promise(resolve => setImmediate(resolve))
    mock.timers.tick(10_000)
    assert.equal(await started, 'installing')
  } finally {
    mock.timers.reset()
  }
})
