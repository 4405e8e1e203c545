// Collects the texts that go through `t` and `tn`, from the syntax trees of the sources and from the sharing page.

import { readdirSync, readFileSync } from 'node:fs'
import ts from 'typescript'

const web = new URL('../', import.meta.url)
const FOLDERS = ['common/', 'embed/', 'share/core/', 'share/elements/', 'share/lib/']

/** @typedef {{ text: string, isPlural: boolean, place: string }} Used */

/** @returns {{ used: Used[], dynamic: string[] }} `dynamic`: calls whose text is no literal */
export function usedWords() {
  const used = []
  const dynamic = []
  for (const path of [...FOLDERS.flatMap(scripts), 'share/main.js']) {
    const source = ts.createSourceFile(path, readFileSync(new URL(path, web), 'utf8'), ts.ScriptTarget.Latest, true)
    visit(source, call => {
      const name = call.expression.getText(source)
      if (name !== 't' && name !== 'tn') return
      const place = `${path}:${source.getLineAndCharacterOfPosition(call.getStart(source)).line + 1}`
      const texts = (name === 't' ? call.arguments.slice(0, 1) : call.arguments.slice(1, 3)).map(literal)
      if (texts.includes(null)) dynamic.push(place)
      else used.push({ text: texts.at(-1), isPlural: name === 'tn', place })
    })
  }
  return { used: [...used, ...pageTexts()], dynamic }
}

/** @param {string} folder */
const scripts = folder =>
  readdirSync(new URL(folder, web))
    .filter(name => name.endsWith('.js'))
    .map(name => folder + name)

/** @param {ts.Node} node @param {(call: ts.CallExpression) => void} onCall */
function visit(node, onCall) {
  if (ts.isCallExpression(node)) onCall(node)
  ts.forEachChild(node, child => visit(child, onCall))
}

/** The value of a literal, or of several with `+`. @param {ts.Expression} node @returns {string | null} */
function literal(node) {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text
  if (!ts.isBinaryExpression(node)) return null
  const [left, right] = [literal(node.left), literal(node.right)]
  return left === null || right === null ? null : left + right
}

/** The texts of the sharing page, which its script replaces. @returns {Used[]} */
function pageTexts() {
  const html = readFileSync(new URL('share/index.html', web), 'utf8')
  const texts = [
    ...html.matchAll(/ data-words>([^<]+)</g),
    ...html.matchAll(/aria-label="([^"]+)" data-label-words/g),
    ...html.matchAll(/<title>([^<]+)</g)
  ]
  return texts.map(([, text]) => ({ text, isPlural: false, place: 'share/index.html' }))
}
