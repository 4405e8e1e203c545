// Accessibility check of a page with axe-core. It goes in through the debugging protocol, so a strict
// Content-Security-Policy stays in force.

import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { within } from './wait.mjs'

const source = readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/**
 * Findings of serious or critical impact, as readable lines; empty means fine.
 * @param {import('playwright-core').Page} page @param {object} [options] of `axe.run`
 */
export async function seriousFindings (page, options = {}) {
  await page.evaluate(await source)
  const { violations } = await within(60_000, page.evaluate(options => window.axe.run(document, options), options), 'axe-core')
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, impact, help, nodes }) => nodes.map(node => `${impact} ${id}: ${help} — ${node.target.join(' ')}`))
}
