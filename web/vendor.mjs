// Copies the browser files of the pinned npm packages into vendor/, unmodified, with version and licence. Run it after a
// change of package.json ("npm ci && npm run vendor"). test/vendor.test.mjs compares the copies with the packages. Some
// .d.ts files there are ours, because the package has none. The build of the server does not run this.

import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** The files of each package, with their names in vendor/. @type {Record<string, Record<string, string>>} */
export const VENDORED = {
  webtorrent: {
    'dist/webtorrent.min.js': 'webtorrent.min.js',
    LICENSE: 'LICENSE'
  },
  'lean-qr': {
    // Every web server serves this file extension as JavaScript.
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

/** Returns the text of `VERSION` beside the files of a package. @param {string} name */
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
