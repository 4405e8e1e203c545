// Checks the accessibility of a page with axe-core, injected through the debugging protocol, so that a strict
// Content-Security-Policy stays active.

import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { within } from './wait.mjs'

const source = readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/**
 * Returns findings of serious or critical impact as readable lines.
 * @param {import('playwright-core').Page} page @param {object} [options] of `axe.run`
 */
export const seriousFindings = (page, options = {}) => findings(page, options, ({ impact }) => impact === 'serious' || impact === 'critical')

/**
 * Returns findings of any impact, including the order of headings and names of landmarks.
 * @param {import('playwright-core').Page} page @param {object} [options] of `axe.run`
 */
export const allFindings = (page, options = {}) => findings(page, options, () => true)

async function findings (page, options, isWanted) {
  await page.evaluate(await source)
  const { violations } = await within(60_000, page.evaluate(options => window.axe.run(document, options), options), 'axe-core')
  return violations
    .filter(isWanted)
    .flatMap(({ id, impact, help, nodes }) => nodes.map(node => `${impact} ${id}: ${help} — ${node.target.join(' ')}`))
}
