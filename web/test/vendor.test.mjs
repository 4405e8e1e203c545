import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { packageFolder, VENDORED, vendorFolder, versionText } from '../vendor.mjs'

/** Types for packages that bring none; written here, never loaded by a browser. */
const OWN = { webtorrent: ['webtorrent.min.d.ts'], 'lean-qr': ['lean-qr.d.ts'], uplot: ['uPlot.esm.d.ts'] }

for (const [name, files] of Object.entries(VENDORED)) {
  test(`vendor/${name} equals the files of the pinned package, byte for byte`, async () => {
    for (const [from, to] of Object.entries(files)) {
      const [theirs, ours] = await Promise.all([
        readFile(packageFolder(name) + from),
        readFile(vendorFolder(name) + to)
      ])
      assert.ok(ours.equals(theirs), `${to} differs from ${name}/${from}`)
    }
    assert.equal(await readFile(`${vendorFolder(name)}VERSION`, 'utf8'), await versionText(name))
    assert.deepEqual(
      (await readdir(vendorFolder(name))).sort(),
      [...Object.values(files), 'VERSION', ...(OWN[name] ?? [])].sort()
    )
  })
}

test('the installed packages are the ones that package.json pins exactly', async () => {
  const { devDependencies } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
  for (const name of Object.keys(VENDORED)) {
    const { version } = JSON.parse(await readFile(`${packageFolder(name)}package.json`, 'utf8'))
    assert.equal(devDependencies[name], version)
  }
})
