// Writes the npm package: the modules of both elements in the same layout as here, their licences, types and manifest.
// Bundlers do not follow addresses that are computed. So in the package the texts of the style sheets and of the storage
// worker are part of two modules, which replace those of the server. "npm pack" runs it. It needs no other package.

import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { elementsManifest } from './manifest.mjs'
import * as styleSheets from './style-sheets.js'

const web = fileURLToPath(new URL('../', import.meta.url))
const here = join(web, 'embed')

/** The modules that programs import. What they import is in the package too. */
const ENTRIES = ['embed/index.js', 'check/index.js', 'embed/package/react.js']
/** Modules of the server, and what replaces each. @type {Record<string, (modules: Map<string, string>) => Promise<string>>} */
const REPLACED = { 'embed/style-sheets.js': sheetLoader, 'share/core/worker-source.js': workerSource }
const WORKER = 'share/core/opfs-worker.js'

/** Writes the files of the package. @param {string} folder becomes `dist/` */
export async function writePackage(folder) {
  const modules = await modulesOf(ENTRIES)
  for (const [path, replace] of Object.entries(REPLACED)) modules.set(path, await replace(modules))
  const files = new Map(modules)
  files.set('embed/define.js', "import { defineSwarmShare } from './index.js'\n\ndefineSwarmShare()\n")
  files.set('check/define.js', "import { defineSwarmCheck } from './index.js'\n\ndefineSwarmCheck()\n")
  files.set('embed/package/types-only.js', 'export {}\n')
  for (const [path, text] of files)
    if (text.includes('import.meta') && !path.startsWith('vendor/')) throw new Error(`${path} uses import.meta`)
  files.set('sw.js', await read('share/sw.js'))
  files.set('custom-elements.json', `${JSON.stringify(await elementsManifest(), null, 2)}\n`)
  for (const name of await readdir(join(here, 'package')))
    if (name.endsWith('.d.ts')) files.set(`embed/package/${name}`, await read(`embed/package/${name}`))
  for (const name of new Set([...modules.keys()].filter(isVendored).map(path => path.split('/')[1])))
    for (const file of ['LICENSE', 'VERSION']) files.set(`vendor/${name}/${file}`, await read(`vendor/${name}/${file}`))

  await rm(folder, { recursive: true, force: true })
  for (const [path, text] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
}

/** Returns the texts of modules and of all that they import, by path below `web/`. @param {string[]} entries */
async function modulesOf(entries) {
  /** @type {Map<string, string>} */
  const modules = new Map()
  const paths = new Set(entries)
  for (const path of paths) {
    const text = await read(path)
    modules.set(path, text)
    if (!isVendored(path)) for (const target of importsOf(path, text)) paths.add(target)
  }
  return modules
}

/** Returns the paths that a module imports, without packages and types. @param {string} path @param {string} text */
export function importsOf(path, text) {
  const code = text.replace(/^\s*(\/\/|\/?\*).*$/gm, '').replace(/\/\*\*.*?\*\//g, '')
  const found = code.matchAll(/(?:^(?:import|export|}).*?|import\()'(\.[^']+\.js)'/gm)
  return [...found].map(([, target = '']) => posix.join(posix.dirname(path), target))
}

/** @param {string} path */
const isVendored = path => path.startsWith('vendor/')
/** @param {string} path */
const read = path => readFile(join(web, path), 'utf8')

/** The module with the texts of all style sheets that the modules name. @param {Map<string, string>} modules */
async function sheetLoader(modules) {
  const names = [...modules.values()].flatMap(text =>
    [...text.matchAll(/'(\.{1,2}\/[^']+\.css)'/g)].map(([, name]) => name)
  )
  /** @type {Record<string, string>} */
  const texts = {}
  for (const name of new Set(names)) {
    const text = (await read(posix.join('embed', name ?? ''))).replace(/\/\*.*?\*\//gs, '').replace(/\n\s*\n+/g, '\n')
    if (/url\(|@import/.test(text)) throw new Error(`${name} needs another file`)
    texts[name ?? ''] = text.trim()
  }
  const { loadSheet: _loadSheet, newSheet: _newSheet, ...lists } = styleSheets
  const constants = Object.entries(lists).map(([name, list]) => `export const ${name} = ${JSON.stringify(list)}\n`)
  const loader = await read('embed/package/sheet-loader.js')
  return replaceOnce(loader, 'TEXTS = {}\n', `TEXTS = ${JSON.stringify(texts, null, 2)}\n\n${constants.join('')}`)
}

/** The module with the text of the storage worker. */
async function workerSource() {
  const source = await read('embed/package/worker-source.js')
  return replaceOnce(source, "WORKER_TEXT = ''", `WORKER_TEXT = ${JSON.stringify(await read(WORKER))}`)
}

/** @param {string} text @param {string} part @param {string} other */
function replaceOnce(text, part, other) {
  if (text.split(part).length !== 2) throw new Error(`not exactly once: ${part}`)
  return text.replace(part, () => other)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writePackage(join(here, 'dist'))
  await copyFile(join(web, '../LICENSE'), join(here, 'LICENSE'))
}
