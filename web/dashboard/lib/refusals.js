// @ts-check
// Who was refused, in words: what the API says of refusals, and the one that is nobody's fault who comes, a proxy in front
// that takes WebSocket upgrades away. Knows no DOM and no clock.

import { formatCount } from './numbers.js'
import { formatMoment } from './times.js'

/** @typedef {import('../../common/notice.js').Notice} Notice */
/**
 * @typedef {{ kind: string, detail: string, count: number, first: number, last: number, text: string }} Refusal `detail`: whom or what it
 *   concerns; `text`: what it means and what to do
 * @typedef {{ refusals: Refusal[], since: number }} Refusals
 */

/** Seconds after the last refused upgrade in which the proxy is still spoken of: clients try again within minutes. */
const UPGRADE_SECONDS = 3600

/** @type {Record<string, string>} */
const KINDS = {
  origin: 'web site',
  token: 'token',
  admin_token: 'admin token',
  upgrade_missing: 'WebSocket upgrade',
  page: 'announce of a page over HTTP',
  ban: 'banned address'
}

/** What a kind of refusal is about. @param {string} kind */
export const kindText = kind => (Object.hasOwn(KINDS, kind) ? (KINDS[kind] ?? kind) : kind.replaceAll('_', ' '))

/** @param {Refusals | null} answer @param {number} now Unix seconds @returns {Notice | null} */
export function upgradeNotice(answer, now) {
  const refused =
    answer?.refusals.filter(({ kind, last }) => kind === 'upgrade_missing' && now - last < UPGRADE_SECONDS) ?? []
  if (refused.length === 0) return null
  const count = refused.reduce((sum, one) => sum + one.count, 0)
  const last = Math.max(...refused.map(one => one.last))
  const advice =
    refused.map(({ text }) => text).find(Boolean) ??
    'Have it pass the headers Upgrade and Connection on; deploy/ has examples.'
  return {
    tone: 'warning',
    title: 'A proxy in front takes WebSocket upgrades away',
    text: `${formatCount(count)} ${count === 1 ? 'request' : 'requests'} for a WebSocket came without the Upgrade header, last at ${formatMoment(last)}. ${advice}`
  }
}
