import assert from 'node:assert/strict'
import { readFile, readdir } from 'node:fs/promises'
import { test } from 'node:test'

const share = new URL('../share/', import.meta.url)
const index = await readFile(new URL('index.html', share), 'utf8')
/** Asked for by themselves: the service worker, and the worker that disk-store.js fetches. */
const NOT_PRELOADED = ['sw.js', 'core/opfs-worker.js', 'main.js']

test('every module is preloaded, so that none is missing when the server goes away later', async () => {
  const modules = (await readdir(share, { recursive: true })).filter(path => path.endsWith('.js') && !NOT_PRELOADED.includes(path))
  const preloaded = [...index.matchAll(/<link rel="modulepreload" href="\{\{assets\}\}\/([^"]+)">/g)].map(match => match[1])
  const vendored = ['client-zip/client-zip.js', 'lean-qr/lean-qr.js', 'webtorrent/webtorrent.min.js'].map(path => `vendor/${path}`)
  assert.deepEqual(preloaded.sort(), [...modules.map(path => `share/${path}`), ...vendored].sort())
})

test('the page has no inline script or style and asks no other host', () => {
  assert.doesNotMatch(index, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|https?:/i)
})

const dashboard = new URL('../dashboard/', import.meta.url)
const dashboardIndex = await readFile(new URL('index.html', dashboard), 'utf8')

test('every module of the dashboard is preloaded, and nothing that it does not use', async () => {
  const modules = (await readdir(dashboard, { recursive: true })).filter(path => path.endsWith('.js') && path !== 'main.js').map(path => `dashboard/${path}`)
  const shared = new Set()
  for (const path of [...modules, 'dashboard/main.js']) {
    const text = await readFile(new URL(`../${path}`, import.meta.url), 'utf8')
    for (const [, from] of text.matchAll(/^import .*?'(\.[^']+)'/gm)) shared.add(new URL(from, `file:///${path}`).pathname.slice(1))
  }
  const wanted = [...new Set([...modules, ...[...shared].filter(path => !path.startsWith('dashboard/'))])]
  const preloaded = [...dashboardIndex.matchAll(/<link rel="modulepreload" href="\{\{assets\}\}\/([^"]+)">/g)].map(match => match[1])
  assert.deepEqual(preloaded.sort(), wanted.sort())
})

test('the dashboard has no inline script or style and asks no other host', () => {
  assert.doesNotMatch(dashboardIndex, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|https?:/i)
})
