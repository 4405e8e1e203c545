import assert from 'node:assert/strict'
import { test } from 'node:test'

test('only scripts of the page become workers', async () => {
  Object.assign(globalThis, { location: new URL('https://files.example/share/') })
  const { checkedWorkerUrl, workerUrl } = await import('../common/trusted-script.js')
  assert.equal(workerUrl('sw.js'), 'https://files.example/share/sw.js')
  assert.equal(checkedWorkerUrl('https://files.example/other.js'), 'https://files.example/other.js')
  for (const other of [
    'https://evil.example/sw.js',
    '//evil.example/sw.js',
    'data:text/javascript,1',
    'blob:https://evil.example/1'
  ]) {
    assert.throws(() => checkedWorkerUrl(other), TypeError, other)
  }
})
