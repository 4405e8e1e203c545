import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { ICONS } from '../common/dom.js'
import '../common/icons.js'

test('every icon that a page uses exists', async () => {
  const web = new URL('../', import.meta.url)
  const used = new Set()
  for (const folder of ['common/', 'share/', 'dashboard/', 'docs/'])
    for (const path of await readdir(new URL(folder, web), { recursive: true }))
      if (path.endsWith('.js'))
        for (const [, name] of (await readFile(new URL(folder + path, web), 'utf8')).matchAll(
          /\bicon(?:\(|: )'(\w+)'/g
        ))
          used.add(name)
  assert.ok(used.size > 8)
  assert.deepEqual(
    [...used].filter(name => !(name in ICONS)),
    []
  )
})
