// @ts-check
// Texts about refused connections and requests, and the notice about a proxy that removes WebSocket upgrades. It uses no
// DOM and no clock.

import { formatCount } from './numbers.js'
import { formatMoment } from './times.js'

/** @typedef {import('../../common/notice.js').Notice} Notice */
/** @typedef {import('../../types/api-client').Schemas['RefusalReport']} Refusal */
/** @typedef {import('../../types/api-client').Schemas['RefusalsResponse']} Refusals */

/** The notice lasts this long after the last refused upgrade. Clients try again within minutes. */
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

/** Names a kind of refusal. @param {string} kind */
export const kindText = kind => (Object.hasOwn(KINDS, kind) ? (KINDS[kind] ?? kind) : kind.replaceAll('_', ' '))

const SITE_KINDS = ['origin', 'token', 'page']

/** Returns the refusals of web pages: those whose detail is the origin of a page. @param {Refusal[]} refusals */
export const siteRefusals = refusals =>
  refusals.filter(
    ({ kind, detail }) => SITE_KINDS.includes(kind) && (detail.includes('://') || ['null', 'other'].includes(detail))
  )

/** @param {Refusals | null} answer @param {number} now Unix seconds @returns {Notice | null} */
export function upgradeNotice(answer, now) {
  const refused =
    answer?.refusals.filter(({ kind, last }) => kind === 'upgrade_missing' && now - last < UPGRADE_SECONDS) ?? []
  if (refused.length === 0) return null
  const count = refused.reduce((sum, one) => sum + one.count, 0)
  const last = Math.max(...refused.map(one => one.last))
  const advice =
    refused.map(({ text }) => text).find(Boolean) ??
    'Configure it to forward the Upgrade and Connection headers; deploy/ has examples.'
  return {
    tone: 'warning',
    title: 'A proxy removes WebSocket upgrades',
    text: `${formatCount(count)} ${count === 1 ? 'request' : 'requests'} for a WebSocket came without the Upgrade header, last at ${formatMoment(last)}. ${advice}`
  }
}
