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
export const seriousFindings = (page, options = {}) => findings(page, options, ({ impact }) => impact === 'serious' || impact === 'critical')

/** Findings of any impact, the order of headings and the names of landmarks among them. @param {import('playwright-core').Page} page */
export const allFindings = page => findings(page, {}, () => true)

async function findings (page, options, isMeant) {
  await page.evaluate(await source)
  const { violations } = await within(60_000, page.evaluate(options => window.axe.run(document, options), options), 'axe-core')
  return violations
    .filter(isMeant)
    .flatMap(({ id, impact, help, nodes }) => nodes.map(node => `${impact} ${id}: ${help} — ${node.target.join(' ')}`))
}
