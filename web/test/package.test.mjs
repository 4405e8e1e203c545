import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { SwarmCheckElement } from '../check/index.js'
import { WANTED } from '../embed/attribute-problems.js'
import { ATTRIBUTES } from '../embed/attribute-values.js'
import { SwarmShareElement } from '../embed/index.js'
import { importsOf, writePackage } from '../embed/pack.mjs'
import { ERROR_CODES } from '../share/lib/error-codes.js'

const read = path => readFile(new URL(path, import.meta.url), 'utf8')
const described = JSON.parse(await read('../embed/package.json'))
const types = await read('../embed/package/index.d.ts')

let folder
/** @type {string[]} */
let files
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swarm-share-'))
  await writePackage(join(folder, 'dist'))
  files = (await readdir(join(folder, 'dist'), { recursive: true })).map(path => `./dist/${path}`)
})
after(() => rm(folder, { recursive: true, force: true }))

test('the package has the version of the server', async () => {
  const [, version] = /^version = "(.+)"$/m.exec(await read('../../Cargo.toml')) ?? []
  assert.equal(described.version, version)
})

test('every entry of the package has its files', () => {
  const entries = Object.values(described.exports).flatMap(entry => Object.values(/** @type {object} */ (entry)))
  const texts = Object.values(described.exports).filter(entry => typeof entry === 'string')
  const paths = [...entries, ...texts].filter(path => path.startsWith('./dist/'))
  assert.ok(paths.length > 12)
  for (const path of paths) assert.ok(files.includes(path), path)
})

test('everything that a module imports is in the package', async () => {
  for (const file of files.filter(path => path.endsWith('.js') && !path.includes('/vendor/'))) {
    const text = await readFile(join(folder, file), 'utf8')
    for (const target of importsOf(file, text)) assert.ok(files.includes(`./${target}`), `${file}: ${target}`)
    assert.doesNotMatch(text, /import\.meta/, file)
  }
  for (const name of ['webtorrent', 'client-zip', 'lean-qr'])
    for (const file of ['LICENSE', 'VERSION']) assert.ok(files.includes(`./dist/vendor/${name}/${file}`), name)
})

test('modules that are imported for their effect are marked', async () => {
  for (const file of files.filter(path => path.endsWith('.js') && !path.includes('/vendor/'))) {
    const text = await readFile(join(folder, file), 'utf8')
    for (const [, target = ''] of text.matchAll(/^import '(.+)'$/gm)) {
      const [path] = importsOf(file, `import '${target}'`)
      assert.ok(described.sideEffects.includes(`./${path}`), `${file}: ${target}`)
    }
  }
})

test('the package has the texts of all style sheets and of the worker', async () => {
  const loader = await readFile(join(folder, 'dist/embed/style-sheets.js'), 'utf8')
  for (const path of [
    './style/host.css',
    '../common/style/tokens-dark.css',
    '../share/style/share.css',
    '../check/style/check.css'
  ])
    assert.ok(loader.includes(`"${path}": "`), path)
  assert.match(await readFile(join(folder, 'dist/share/core/worker-source.js'), 'utf8'), /createSyncAccessHandle/)
})

test('the manifest describes what the elements have', async () => {
  const manifest = JSON.parse(await readFile(join(folder, 'dist/custom-elements.json'), 'utf8'))
  assert.equal(manifest.schemaVersion, '2.1.0')
  const declarations = manifest.modules.flatMap(({ declarations = [] }) => declarations)
  const of = tagName => declarations.find(declaration => declaration.tagName === tagName)
  const names = list => list.map(({ name }) => name).sort()
  const share = of('swarm-share')
  assert.deepEqual(names(share.attributes), [...SwarmShareElement.observedAttributes].sort())
  for (const { name, type } of share.members.filter(({ kind }) => kind === 'field')) {
    // Every element has `lang`.
    assert.ok(name in SwarmShareElement.prototype || name === 'lang', name)
    assert.ok(type, `${name} has a type`)
  }
  for (const { name } of share.members.filter(({ kind }) => kind === 'method'))
    assert.equal(typeof SwarmShareElement.prototype[name], 'function', name)
  const events = [...types.matchAll(/^ {2}'?([\w-]+)'?: CustomEvent</gm)].map(([, name]) => name)
  assert.deepEqual(names(share.events), events.sort())
  assert.ok(share.events.every(({ type }) => type.text.startsWith('CustomEvent<')))
  assert.ok(share.cssProperties.length > 5 && share.cssParts.length > 5)

  const check = of('swarm-check')
  assert.deepEqual(names(check.attributes), ['ice', 'swarm', 'tracker'])
  assert.deepEqual(
    [names(check.events), names(check.cssParts)],
    [['checked'], ['button', 'card', 'primary-button', 'step']]
  )
  for (const { name } of check.members) assert.ok(name in SwarmCheckElement.prototype, name)
})

test('the words of the types are those that the element takes', () => {
  for (const name of ['encryption', 'link', 'drop', 'theme']) {
    const [, list = ''] = new RegExp(`^  ${name}: ('.+)$`, 'm').exec(types) ?? []
    const words = [...list.matchAll(/'(\w+)'/g)].map(([, word = '']) => word)
    assert.deepEqual(
      words,
      [...WANTED[name].matchAll(/"(\w+)"/g)].map(([, word]) => word)
    )
    for (const word of words) assert.equal(ATTRIBUTES[name](word, ''), word)
  }
})

test('the types list exactly the codes', () => {
  const [, list = ''] = /ErrorCode =\n(.*?)\n\n/s.exec(types) ?? []
  assert.deepEqual([...list.matchAll(/'([\w-]+)'/g)].map(([, code]) => code).sort(), [...ERROR_CODES].sort())
})
