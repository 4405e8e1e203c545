// The fenced code blocks of Markdown texts.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { root } from './server.mjs'

/** @typedef {{ file: string, line: number, language: string, marks: Record<string, string>, code: string }} CodeBlock */

/**
 * Returns the code blocks of a text. Words `name=value` after the language are marks.
 * @param {string} file path in the repository @returns {Promise<CodeBlock[]>}
 */
export async function codeBlocks (file) {
  const lines = (await readFile(join(root, file), 'utf8')).split('\n')
  const blocks = []
  for (let at = 0; at < lines.length; at++) {
    const open = /^( *)```(.*)$/.exec(lines[at])
    if (!open) continue
    const [, indent, info] = open
    const start = at + 1
    do at++
    while (at < lines.length && lines[at].trim() !== '```')
    const [language = '', ...words] = info.split(' ')
    const code = lines.slice(start, at).map(line => line.slice(indent.length)).join('\n')
    blocks.push({ file, line: start, language, marks: Object.fromEntries(words.map(word => word.split('='))), code: `${code}\n` })
  }
  return blocks
}
