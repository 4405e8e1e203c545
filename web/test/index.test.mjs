import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { test } from 'node:test'

const web = new URL('../', import.meta.url)
/** Scripts that a browser fetches by itself, and the files that only they import. */
const NOT_PRELOADED = new Set([
  'share/sw.js',
  'share/core/opfs-worker.js',
  'share/main.js',
  'check/define.js',
  'check/main.js',
  'connect/main.js',
  'dashboard/main.js',
  'docs/main.js'
])
/** Catalogs, of which a browser fetches one at most. */
const CATALOG = /^share\/words\//

/** The modules of a folder and all that they import, by path below web/. @param {string} folder */
async function modulesOf(folder) {
  const paths = (await readdir(new URL(folder, web), { recursive: true }))
    .filter(path => path.endsWith('.js'))
    .map(path => `${folder}${path}`)
  const found = new Set(paths)
  for (const path of found) {
    if (path.startsWith('vendor/')) continue
    const text = await readFile(new URL(path, web), 'utf8')
    for (const [, from] of text.matchAll(/(?:^(?:import|export|}) |import\().*?'(\.[^']+\.js)'/gm)) {
      const target = new URL(from, `file:///${path}`).pathname.slice(1)
      // A type in a comment is not an import.
      if (
        text.includes(`@typedef {import('${from}')`) &&
        !new RegExp(`^import .*'${from.replaceAll('.', '\\.')}'`, 'm').test(text)
      )
        continue
      found.add(target)
    }
  }
  return [...found].filter(path => !NOT_PRELOADED.has(path) && !CATALOG.test(path))
}

for (const [folder, file] of [
  ['share/', 'index.html'],
  ['check/', 'index.html'],
  ['connect/', 'index.html'],
  ['dashboard/', 'index.html'],
  ['docs/', 'page.html']
]) {
  const index = await readFile(new URL(`${folder}${file}`, web), 'utf8')

  test(`${folder}: every module is preloaded`, async () => {
    const preloaded = [
      ...index.matchAll(/<link rel="modulepreload" href="(?:\{\{root\}\})?\{\{assets\}\}\/([^"]+)">/g)
    ].map(match => match[1])
    assert.deepEqual(preloaded.sort(), (await modulesOf(folder)).sort())
  })

  test(`${folder}: the page has no inline code and uses no other host`, () => {
    assert.doesNotMatch(index, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|https?:/i)
  })
}
