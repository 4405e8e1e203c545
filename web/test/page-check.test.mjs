import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { checkPage, pageOf } from '../connect/lib/page-check.js'
import { serverAddresses } from '../connect/lib/snippets.js'

const SECURE = serverAddresses('https://hub.example/a/?token=x')
const native = globalThis.fetch
afterEach(() => {
  globalThis.fetch = native
})
/** The addresses that were asked. @param {unknown} report */
const answer = report => {
  const asked = []
  globalThis.fetch = async url => {
    asked.push(String(url))
    return new Response(JSON.stringify(report))
  }
  return asked
}
const served = { address: { state: 'served' }, server: { state: 'ready' }, token: { state: 'valid' } }

test('the address of a page may lack its scheme', () => {
  for (const [text, page] of [
    ['https://shop.example/a?b#c', 'https://shop.example/a?b#c'],
    [' shop.example ', 'https://shop.example/'],
    ['localhost:3000/a', 'http://localhost:3000/a'],
    ['HTTP://shop.example', 'http://shop.example/'],
    ['', null],
    ['nonsense://', null],
    ['file:///a.html', null],
    ['two words', null]
  ])
    assert.equal(pageOf(text)?.href ?? null, page, text)
})

test('the server is asked about the origin of the page, with the token', async () => {
  const asked = answer({ ...served, origin: { state: 'allowed' } })
  const outcome = await checkPage(new URL('https://shop.example/a'), SECURE)
  assert.deepEqual(asked, ['https://hub.example/a/api/v1/check?origin=https%3A%2F%2Fshop.example&token=x'])
  assert.equal(outcome.state, 'good')
  answer({ ...served, origin: { state: 'denied' } })
  assert.match(
    (await checkPage(new URL('https://shop.example'), SECURE)).text,
    /does not serve pages of https:\/\/shop/
  )
})

test('a page that browsers restrict is said', async () => {
  answer({ ...served, origin: { state: 'allowed' } })
  assert.equal((await checkPage(new URL('http://shop.example'), SECURE)).state, 'warning')
  assert.equal((await checkPage(new URL('http://localhost:3000'), SECURE)).state, 'good')
  const insecure = serverAddresses('http://hub.example/')
  assert.equal((await checkPage(new URL('https://shop.example'), insecure)).state, 'failed')
  assert.equal((await checkPage(new URL('http://localhost'), insecure)).state, 'good')
})

test('another server, or none, is said', async () => {
  answer({})
  assert.match((await checkPage(new URL('https://shop.example'), SECURE)).text, /Another server/)
  globalThis.fetch = () => Promise.reject(new TypeError('down'))
  assert.match((await checkPage(new URL('https://shop.example'), SECURE)).text, /did not answer/)
})
