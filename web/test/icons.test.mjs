import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { ICONS } from '../common/dom.js'

const WEB = new URL('../', import.meta.url)
/** The icons that are there without icons.js. */
const FIRST = new Set(Object.keys(ICONS))

/** Returns the code of all modules of a folder. */
async function codeOf(folder) {
  const paths = (await readdir(new URL(folder, WEB), { recursive: true })).filter(path => path.endsWith('.js'))
  return (await Promise.all(paths.map(path => readFile(new URL(folder + path, WEB), 'utf8')))).join('\n')
}

test('every icon that a page uses exists, and its page loads it', async () => {
  await import('../common/icons.js')
  let count = 0
  for (const folder of ['share/', 'dashboard/', 'docs/', 'check/', 'embed/']) {
    const code = await codeOf(folder)
    const used = [...code.matchAll(/\bicon(?:\(|: )'(\w+)'/g)].map(([, name]) => name)
    count += used.length
    for (const name of used) assert.ok(name in ICONS, `${folder}: ${name}`)
    if (used.some(name => !FIRST.has(name))) assert.match(code, /^import '.*common\/icons\.js'$/m, folder)
  }
  assert.ok(count > 8)
})
