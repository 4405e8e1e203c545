// Code blocks of the pages at /docs in languages that Node can check. The Rust test `code_blocks` checks all others, and
// that none is left out. own-client.test.mjs and package.test.mjs run those with a mark.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import ts from 'typescript'
import { parse as parseComponent } from 'vue/compiler-sfc'
import { parse } from 'yaml'
import { root } from '../support/index.mjs'
import { codeBlocks } from '../support/markdown.mjs'

const SECRET = 'a secret of the test'

/** @type {Record<string, (code: string) => void>} */
const CHECKS = {
  js (code) {
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--check'], { input: code, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  },
  ts (code) {
    const { diagnostics } = ts.transpileModule(code, { reportDiagnostics: true })
    assert.deepEqual(diagnostics?.map(({ messageText }) => messageText), [])
  },
  tsx (code) {
    const { diagnostics } = ts.transpileModule(code, { reportDiagnostics: true, fileName: 'block.tsx', compilerOptions: { jsx: ts.JsxEmit.ReactJSX } })
    assert.deepEqual(diagnostics?.map(({ messageText }) => messageText), [])
  },
  vue (code) {
    assert.deepEqual(parseComponent(code).errors, [])
  },
  html (code) {
    const scripts = [...code.matchAll(/<script type="module">\n(.*?)<\/script>/gs)]
    for (const [, json] of code.matchAll(/<script type="importmap">(.*?)<\/script>/gs)) JSON.parse(json)
    // embed.test.mjs and check.test.mjs serve pages with these tags.
    const isEmbedded = /<script type="module" src="[^"]+\/(embed\.js|embed\/define\.js|check\.js)"/.test(code)
    assert.equal(scripts.length, isEmbedded ? 0 : 1, 'one script')
    for (const [, script] of scripts) CHECKS.js(script)
  },
  yaml (code) {
    assert.equal(typeof parse(code), 'object')
  },
  // The only one checks signatures: it must accept a right one, and no other.
  python (code) {
    const now = Math.floor(Date.now() / 1000)
    const sign = (time, body) => `t=${time},v1=${createHmac('sha256', SECRET).update(`${time}.${body}`).digest('hex')}`
    const cases = [[sign(now, 'body'), true], [sign(now, 'other'), false], [sign(now - 1000, 'body'), false]]
    for (const [header, expected] of cases) {
      const script = `${code}\nimport sys\nprint(is_ours(sys.argv[1].encode(), sys.argv[2], b"body"))`
      const { stdout, stderr } = spawnSync('python3', ['-c', script, SECRET, String(header)], { encoding: 'utf8' })
      assert.equal(stdout.trim(), expected ? 'True' : 'False', stderr)
    }
  }
}

const docs = (await readdir(join(root, 'docs'), { recursive: true })).filter(path => path.endsWith('.md')).map(path => `docs/${path}`)
const blocks = (await Promise.all(['README.md', 'SECURITY.md', 'CHANGELOG.md', ...docs].map(codeBlocks))).flat()

for (const language of Object.keys(CHECKS)) {
  test(`code blocks in ${language} are right`, () => {
    const found = blocks.filter(block => block.language === language)
    assert.ok(found.length > 0)
    for (const { file, line, code } of found) {
      try {
        CHECKS[language](code)
      } catch (error) {
        throw new Error(`${file}:${line}: ${error.message}`, { cause: error })
      }
    }
  })
}
