// Copies the browser files of the pinned npm packages into vendor/, unmodified, with version and licence.
// Run by hand after a change of package.json ("npm ci && npm run vendor"); test/vendor.test.mjs holds the
// copies against the packages with the same table. The .d.ts files beside them are ours where the package has none. Never run by the server's build.

import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** Package → the files taken from it, and what they are called here. @type {Record<string, Record<string, string>>} */
export const VENDORED = {
  webtorrent: {
    'dist/webtorrent.min.js': 'webtorrent.min.js',
    LICENSE: 'LICENSE'
  },
  'lean-qr': {
    // A name that every web server gives a JavaScript media type.
    'index.mjs': 'lean-qr.js',
    LICENSE: 'LICENSE'
  },
  'client-zip': {
    'index.js': 'client-zip.js',
    'index.d.ts': 'client-zip.d.ts',
    'LICENSE.txt': 'LICENSE'
  },
  'eventsource-parser': {
    'dist/index.js': 'eventsource-parser.js',
    'dist/index.d.ts': 'eventsource-parser.d.ts',
    LICENSE: 'LICENSE'
  },
  uplot: {
    'dist/uPlot.esm.js': 'uPlot.esm.js',
    'dist/uPlot.min.css': 'uPlot.min.css',
    LICENSE: 'LICENSE'
  }
}

/** @param {string} name */
export const packageFolder = name => fileURLToPath(new URL(`./node_modules/${name}/`, import.meta.url))
/** @param {string} name */
export const vendorFolder = name => fileURLToPath(new URL(`./vendor/${name}/`, import.meta.url))

/** The text of `VERSION` beside a package's files. @param {string} name */
export async function versionText(name) {
  const { version, license } = JSON.parse(await readFile(`${packageFolder(name)}package.json`, 'utf8'))
  return `${name} ${version} (npm), licence ${license}\n`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, files] of Object.entries(VENDORED)) {
    await mkdir(vendorFolder(name), { recursive: true })
    for (const [from, to] of Object.entries(files)) await copyFile(packageFolder(name) + from, vendorFolder(name) + to)
    await writeFile(`${vendorFolder(name)}VERSION`, await versionText(name))
  }
}
