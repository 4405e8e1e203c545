// @ts-check
// Determines the path between two browsers from WebRTC statistics. It uses no DOM. core/peers.js uses it.

/** @typedef {'direct' | 'relayed' | 'connecting'} Path */

/**
 * @param {Array<Record<string, any>>} reports the entries of `getStats()`, in any order
 * @returns {{ path: Path, detail: string }} `detail`: the path in words
 */
export function connectionPath(reports) {
  const byId = new Map(reports.map(report => [report.id, report]))
  const pair = selectedPair(reports, byId)
  if (!pair) return { path: 'connecting', detail: 'being checked' }
  const types = [pair.localCandidateId, pair.remoteCandidateId].map(id => byId.get(id)?.candidateType)
  if (types.includes('relay')) return { path: 'relayed', detail: 'through a relay' }
  // Both "host": the addresses are in the same network or machine.
  return types.every(type => type === 'host')
    ? { path: 'direct', detail: 'direct, same network' }
    : { path: 'direct', detail: 'direct' }
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
