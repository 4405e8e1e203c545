// The npm package of web/embed/, made and installed with the commands of docs/embed.md, and the code of that text: without a
// bundler, with Vite and React, with Vue, with esbuild, with Vite's development server, and rendered in Node. Each page shares
// a file on one origin through the binary on another, and a second page opens the link.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { Server as Tracker } from 'bittorrent-tracker'
import { build as esbuild } from 'esbuild'
import { build, createServer } from 'vite'
import { codeBlocks } from '../support/markdown.mjs'
import { eventually, launchChromium, newUser, nodeModules, root, startServer, startStatic } from '../support/index.mjs'

const run = promisify(execFile)
const STEP_MS = 45_000
/** Compressed bytes of what a page loads before the first use. */
const START_BYTES_MAX = 20_000
const blocks = await codeBlocks('docs/embed.md')
/** What projects use beside the package. */
const LIBRARIES = ['react', 'react-dom', 'scheduler', '@types/react', '@types/react-dom', 'csstype', 'vue', '@vue', '@vitejs', 'vite']

let server, browser, folder, site
const otherTracker = new Tracker({ udp: false, http: true, ws: true, stats: false })
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swarm-share-package-'))
  ;[server, browser] = await Promise.all([startServer(), launchChromium(), install()])
  site = await startStatic({ mounts: { '/': folder } })
})
after(async () => {
  await browser?.close()
  otherTracker.close()
  otherTracker.http.closeAllConnections()
  await Promise.all([site?.close(), server?.stop()])
  if (folder) await rm(folder, { recursive: true, force: true })
})

/** Runs the commands of the text. Only the dependencies of the package come from the packages of the tests. */
async function install () {
  const { code } = blocks.find(({ marks }) => marks.install === 'package')
  await symlink(root, join(folder, 'swarmhub'))
  await writeFile(join(folder, 'package.json'), JSON.stringify({ dependencies: { '@lit/react': `file:${nodeModules}@lit/react` } }))
  const env = { ...process.env, npm_config_offline: 'true', npm_config_legacy_peer_deps: 'true', npm_config_audit: 'false', npm_config_fund: 'false' }
  await run('bash', ['-ec', code], { cwd: folder, env })
  for (const name of LIBRARIES) {
    const link = join(folder, 'node_modules', name)
    await mkdir(dirname(link), { recursive: true })
    await symlink(join(nodeModules, name), link)
  }
}

const withTracker = text => text.replaceAll('https://TRACKER', new URL(server.page).origin).replaceAll('wss://TRACKER', new URL(server.tracker).origin)
/** The code of the text with this mark. @param {string} name */
const codeOf = name => withTracker(blocks.find(({ marks }) => marks.package === name).code)
const policy = () => withTracker(blocks.find(({ marks }) => marks.run === 'package-policy').code).trim().replace('Content-Security-Policy: ', '')

/** @param {string} body @param {string} [head] */
const html = (body, head = '') => `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A shop</title>${head}</head><body>${body}</body></html>`
const underPolicy = () => `<meta http-equiv="content-security-policy" content="${policy()}">`

/** Writes the files of a project. @param {string} name @param {Record<string, string>} files @returns {Promise<string>} its folder */
async function project (name, files) {
  const path = join(folder, name)
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(path, file)), { recursive: true })
    await writeFile(join(path, file), text)
  }
  return path
}

/** Builds a project with Vite. @param {string} path @param {object} [options] */
const viteBuild = (path, options = {}) => build({ root: path, base: './', logLevel: 'error', ...options })

/** What pages wrote to the console, and the addresses that they requested. @type {WeakMap<import('playwright-core').Page, string[]>} */
const printed = new WeakMap()

/**
 * Opens a page as a new user. At the end it must have no errors and no requests to other hosts.
 * @param {import('node:test').TestContext} t @param {string} url @param {RegExp[]} [allow] expected messages
 */
async function open (t, url, allow = []) {
  const user = await newUser(browser)
  t.after(async () => {
    await user.close()
    user.assertClean({ allow })
  })
  user.page.setDefaultTimeout(STEP_MS)
  await user.context.addInitScript(noteDefinition)
  const lines = []
  user.page.on('console', message => lines.push(message.text()))
  user.page.on('request', request => lines.push(request.url()))
  printed.set(user.page, lines)
  await user.page.goto(url)
  await user.page.locator('[data-ready]').waitFor()
  return user.page
}

/** Notes whether the element has its tracker when it is defined: it opens a link in the address then. Runs in the page. */
function noteDefinition () {
  const { define } = customElements
  customElements.define = function (name, ...rest) {
    if (name === 'swarm-share') window.trackerAtDefinition = document.querySelector(name)?.tracker
    return define.call(this, name, ...rest)
  }
}

/** Shares a file in a page and gets it in another one. @param {import('node:test').TestContext} t @param {string} url @param {RegExp[]} [allow] */
async function passFile (t, url, allow) {
  const text = `a letter in ${url}`
  const sender = await open(t, url, allow)
  const link = await sender.locator('swarm-share').evaluate(async (element, text) => (await element.share([new File([text], 'letter.txt')])).link, text)
  assert.ok(link.startsWith(url), link)
  const receiver = await open(t, link, allow)
  await receiver.locator('[data-action=download]').click()
  const element = receiver.locator('swarm-share')
  await eventually(STEP_MS, async () => await element.evaluate(element => element.state) === 'done', `the file of ${url}`)
  assert.equal(await element.evaluate(async element => (await element.files[0].blob()).text()), text)
  const isOnDisk = await receiver.evaluate(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('swarmhub')
    return (await Array.fromAsync(folder.keys())).length === 1
  })
  assert.ok(isOnDisk, 'the storage worker started from the text in the package')
  return { sender, link }
}

/** Asserts that the code of the text has set a limit and heard of the link. */
async function assertPassedOn ({ sender, link }) {
  assert.equal(await sender.locator('swarm-share').evaluate(element => element.maxTotalSize), 100e6)
  const lines = printed.get(sender)
  assert.ok(lines.includes(link), lines.join('\n'))
  // The page names only the tracker.
  assert.ok(lines.includes(`${new URL(server.page).origin}/ice`), lines.join('\n'))
}

/** Files of a project with React that takes over what the server has rendered, and one for each way to use the element. */
const reactFiles = () => ({
  'index.html': html('<div id="root"></div><script type="module" src="./src/main.tsx"></script>', underPolicy()),
  'react-19.html': html('<div id="root"></div><script type="module" src="./src/main-19.tsx"></script>', underPolicy()),
  'src/Share.tsx': codeOf('react'),
  'src/Share19.tsx': codeOf('react-19'),
  'src/main.tsx': mainOf('./Share'),
  'src/main-19.tsx': mainOf('./Share19')
})

const mainOf = module => `import { StrictMode } from 'react'
import { createRoot, hydrateRoot } from 'react-dom/client'
import { Share } from '${module}'

const root = document.querySelector('#root')!
const page = <StrictMode><Share /></StrictMode>
if (root.hasChildNodes()) hydrateRoot(root, page)
else createRoot(root).render(page)
`

/** What has types, and what is wrong. */
const typedFiles = () => ({
  'types.ts': codeOf('types'),
  'server.ts': codeOf('server'),
  'jsx.tsx': `import type { ErrorCode } from 'swarm-share'
import { SwarmCheck, SwarmShare } from 'swarm-share/react'
const codes: ErrorCode[] = []
export const right = <SwarmShare maxFileSize="5MB" className="wide" onError={({ detail }) => codes.push(detail.code)} onProgress={({ detail }) => detail.fraction.toFixed()} />
export const check = <SwarmCheck onChecked={({ detail }) => detail.steps.length} />
// @ts-expect-error: no such event
export const event = <SwarmShare onShred={() => {}} />
// @ts-expect-error: no such word
export const word = <SwarmShare theme="blue" />
// @ts-expect-error: not in the detail
export const detail = <SwarmShare onShared={({ detail }) => detail.url} />
// @ts-expect-error: no such attribute
export const plain = <swarm-share trakcer="https://hub.example" />
// @ts-expect-error: no such code
codes.push('file-to-big')
`,
  'vue.ts': `import 'swarm-share/vue'
import type { GlobalComponents } from 'vue'
type Props = InstanceType<GlobalComponents['swarm-share']>['$props']
export const right: Props = { tracker: 'https://hub.example', onShared: event => event.detail.link, onProgress: event => event.detail.fraction }
// @ts-expect-error: no such word
export const wrong: Props = { drop: 'everywhere' }
`,
  'element.ts': `import { SwarmShareElement } from 'swarm-share'
import { SwarmCheckElement } from 'swarm-share/check'
const element: SwarmShareElement = document.createElement('swarm-share')
element.addEventListener('progress', event => event.detail.fraction)
element.addEventListener('click', event => event.clientX)
const check: SwarmCheckElement = document.createElement('swarm-check')
check.addEventListener('checked', event => event.detail.steps[0]?.remedy)
// @ts-expect-error: not in the detail
element.addEventListener('file', event => event.detail.fraction)
`
})

const SERVER_SIDE = `import { createElement } from 'react'
import { renderToString } from 'react-dom/server'
import { SwarmShare } from 'swarm-share/react'
const entries = ['swarm-share', 'swarm-share/define', 'swarm-share/check', 'swarm-share/check/define', 'swarm-share/jsx', 'swarm-share/vue']
for (const entry of entries) await import(entry)
const { defineSwarmShare } = await import('swarm-share')
defineSwarmShare({ server: 'https://hub.example' })
process.stdout.write(renderToString(createElement(SwarmShare, { tracker: 'https://hub.example', className: 'wide' }, 'Wait.')))
`

describe('the npm package', { concurrency: 3 }, () => {
  test('without a bundler, and under the policy of the text', async t => {
    const code = codeOf('plain')
    const [, map, script] = /<script type="importmap">(.*?)<\/script>\n<script type="module">\n(.*?)<\/script>/s.exec(code)
    // The policy allows no inline script, so the address stands for the name of the import map.
    const outside = script.replace("'swarm-share'", `'${JSON.parse(map).imports['swarm-share']}'`)
    const tags = '<script type="module" src="plain.js"></script><swarm-share theme="dark"></swarm-share>'
    await project('plain', { 'index.html': html(code), 'plain.js': outside, 'strict.html': html(tags, underPolicy()) })
    await open(t, `${site.url}plain/index.html`)
    const page = await open(t, `${site.url}plain/strict.html`)
    const background = () => page.locator('.drop').evaluate(drop => getComputedStyle(drop).backgroundColor)
    assert.equal(await background(), 'rgb(27, 31, 39)')
    await page.locator('swarm-share').evaluate(element => { element.theme = 'light' })
    assert.equal(await background(), 'rgb(255, 255, 255)')
    await passFile(t, `${site.url}plain/strict.html`)

    const check = outside.replaceAll('Share', 'Check').replace('embed/index.js', 'check/index.js')
    await project('plain', { 'check.js': check, 'check.html': html('<script type="module" src="check.js"></script><swarm-check></swarm-check>', underPolicy()) })
    const checked = (await open(t, `${site.url}plain/check.html`)).locator('swarm-check')
    await eventually(STEP_MS, () => checked.evaluate(({ result }) => result.steps.find(({ id }) => id === 'meeting').state === 'good'), 'the check')
  })

  test('a tracker that is not swarmhub has no /ice, and works', async t => {
    await new Promise(resolve => otherTracker.listen(0, '127.0.0.1', resolve))
    const address = `ws://127.0.0.1:${otherTracker.http.address().port}`
    await project('other', {
      'index.html': html(`<script type="module" src="main.js"></script><swarm-share tracker="${address}"></swarm-share>`),
      'main.js': "import '/node_modules/swarm-share/dist/embed/define.js'\n"
    })
    await passFile(t, `${site.url}other/index.html`, [/\/ice\b/])
  })

  test('Vite and React: a page that the server has rendered, and React 19', async t => {
    const path = await project('react', reactFiles())
    await viteBuild(path, { build: { target: 'esnext', rolldownOptions: { input: ['index.html', 'react-19.html'].map(file => join(path, file)) } } })
    const page = join(path, 'dist/index.html')
    await writeFile(page, (await readFile(page, 'utf8')).replace('<div id="root">', '<div id="root"><swarm-share></swarm-share>'))
    const passed = await passFile(t, `${site.url}react/dist/index.html`)
    await assertPassedOn(passed)
    assert.equal(await passed.sender.evaluate(() => window.trackerAtDefinition), new URL(server.page).origin)
    const { sender, link } = await passFile(t, `${site.url}react/dist/react-19.html`)
    assert.ok(printed.get(sender).includes(link))
  })

  test('Vite and Vue', async t => {
    const path = await project('vue', {
      'index.html': html('<div id="app"></div><script type="module" src="./main.js"></script>'),
      'main.js': "import { createApp } from 'vue'\nimport App from './App.vue'\n\ncreateApp(App).mount('#app')\n",
      'App.vue': codeOf('vue'),
      'vite.config.js': codeOf('vue-config')
    })
    await viteBuild(path, { configFile: join(path, 'vite.config.js') })
    await assertPassedOn(await passFile(t, `${site.url}vue/dist/index.html`))
  })

  test('the development server of Vite', async t => {
    const path = await project('dev', { ...reactFiles(), 'index.html': html('<div id="root"></div><script type="module" src="./src/main.tsx"></script>', '<link rel="icon" href="data:,">') })
    const dev = await createServer({ root: path, configFile: false, cacheDir: join(path, '.vite'), logLevel: 'error', server: { host: '127.0.0.1', port: 0 }, optimizeDeps: { entries: ['index.html'] } })
    t.after(() => dev.close())
    await dev.listen()
    await assertPassedOn(await passFile(t, `${dev.resolvedUrls.local[0]}index.html`))
  })

  test('esbuild: one classic script, small parts, and nothing of what is not used', async t => {
    const path = await project('esbuild', {
      'index.html': html('<swarm-share></swarm-share><script src="dist/server.js"></script>'),
      'server.js': codeOf('server'),
      'unused.js': "import 'swarm-share'\nimport { defineSwarmCheck } from 'swarm-share/check'\n",
      'one.js': "export { SwarmShare } from 'swarm-share/react'\n"
    })
    const bundle = (file, options) => esbuild({ entryPoints: [join(path, file)], bundle: true, minify: true, outdir: join(path, 'dist'), logLevel: 'error', ...options })
    const { warnings } = await bundle('server.js', { format: 'iife' })
    assert.deepEqual(warnings, [])
    await passFile(t, `${site.url}esbuild/index.html`)

    const { outputFiles } = await bundle('unused.js', { format: 'esm', write: false })
    assert.equal(outputFiles[0].text, '')
    const one = await bundle('one.js', { format: 'esm', write: false, splitting: true, external: ['react'] })
    const entry = one.outputFiles.find(({ path }) => path.endsWith('one.js')).text
    assert.ok(entry.includes('swarm-share') && !one.outputFiles.some(({ text }) => text.includes('swarm-check')), 'the other component is dropped')
    const { metafile } = await bundle('server.js', { format: 'esm', splitting: true, metafile: true, outdir: join(path, 'parts'), absWorkingDir: path })
    const weight = await startWeight(path, metafile.outputs, 'parts/server.js')
    console.log(`${weight} bytes before the first use`)
    assert.ok(weight <= START_BYTES_MAX, `${weight} bytes before the first use`)
  })

  test('the types are right, and wrong code has errors', async () => {
    const path = await project('types', { ...typedFiles(), 'react.tsx': codeOf('react'), 'react-19.tsx': codeOf('react-19') })
    // Stricter than the resolution of bundlers.
    const compilerOptions = { strict: true, noEmit: true, types: [], module: 'nodenext', jsx: 'react-jsx', target: 'es2022' }
    await writeFile(join(path, 'tsconfig.json'), JSON.stringify({ compilerOptions }))
    const { stdout } = await run(process.execPath, [join(nodeModules, 'typescript/bin/tsc'), '--project', path]).catch(error => error)
    assert.equal(stdout, '')
  })

  test('Node imports every entry, and renders the component of React', async () => {
    await project('node', { 'main.mjs': SERVER_SIDE })
    const { stdout, stderr } = await run(process.execPath, [join(folder, 'node/main.mjs')])
    assert.equal(stdout, '<swarm-share class="wide">Wait.</swarm-share>')
    assert.equal(stderr, '')
    const entries = JSON.parse(await readFile(join(folder, 'node_modules/swarm-share/package.json'), 'utf8')).exports
    for (const [name, { default: path }] of Object.entries(entries)) {
      const entry = name.replace('.', 'swarm-share')
      if (path && !SERVER_SIDE.includes(`'${entry}'`)) assert.fail(`${entry} is not imported`)
    }
  })
})

/** Bytes of a part and of the parts that it imports at once, compressed. @param {string} path @param {Record<string, any>} outputs @param {string} start */
async function startWeight (path, outputs, start) {
  const parts = new Set([start])
  for (const part of parts) for (const { path, kind } of outputs[part].imports) if (kind === 'import-statement') parts.add(path)
  let bytes = 0
  for (const part of parts) bytes += gzipSync(await readFile(join(path, part))).length
  return bytes
}
