// @ts-check
// Determines the path between two browsers from WebRTC statistics, and names it. It uses no DOM. core/peers.js and the
// picture of the swarm use it.

import { t } from '../../common/words.js'

/** @typedef {'same-network' | 'direct' | 'own-relay' | 'other-relay' | 'connecting'} Path */

/** Each path in words. @type {Record<Path, () => string>} */
export const PATH_TEXTS = {
  'same-network': () => t('same network'),
  direct: () => t('direct'),
  'own-relay': () => t('through the tracker’s relay'),
  'other-relay': () => t('through a relay'),
  connecting: () => t('being checked')
}

/** The relay built into swarmhub has addresses of this network, which no other server has (RFC 5737, TEST-NET-1). */
const OWN_RELAY = /^192\.0\.2\.\d+$/

/**
 * @param {Array<Record<string, any>>} reports the entries of `getStats()`, in any order
 * @returns {Path}
 */
export function connectionPath(reports) {
  const byId = new Map(reports.map(report => [report.id, report]))
  const pair = selectedPair(reports, byId)
  if (!pair) return 'connecting'
  const candidates = [pair.localCandidateId, pair.remoteCandidateId].map(id => byId.get(id))
  const relays = candidates.filter(candidate => candidate?.candidateType === 'relay')
  if (relays.some(relay => OWN_RELAY.test(relay?.address))) return 'own-relay'
  if (relays.length > 0) return 'other-relay'
  // Both "host": the addresses are in the same network or machine.
  return candidates.every(candidate => candidate?.candidateType === 'host') ? 'same-network' : 'direct'
}

/**
 * Returns the selected pair: Chromium and Safari name it in the transport, Firefox marks the pair.
 * @param {Array<Record<string, any>>} reports @param {Map<string, Record<string, any>>} byId
 */
function selectedPair(reports, byId) {
  for (const { type, selectedCandidatePairId } of reports) {
    if (type === 'transport' && byId.has(selectedCandidatePairId)) return byId.get(selectedCandidatePairId)
  }
  const pairs = reports.filter(({ type }) => type === 'candidate-pair')
  return (
    pairs.find(({ selected }) => selected) ?? pairs.find(({ nominated, state }) => nominated && state === 'succeeded')
  )
}
