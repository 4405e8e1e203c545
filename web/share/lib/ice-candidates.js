// @ts-check
// Reads from the ICE candidates of a description (RFC 8839) what the network of its browser allows. It uses no DOM.
// core/peers.js uses it.

/**
 * What one browser found out about its own network.
 * @typedef {object} NetworkFacts
 * @property {boolean} isPublic it has an address that the internet reaches, or a relay
 * @property {boolean} hasRelay it has an allocation of a TURN server
 * @property {boolean} changesPorts its NAT uses another port for each destination (symmetric NAT); false if unknown
 */

/** IPv4 networks that are not part of the internet. */
const PRIVATE_IPV4 = /^(0|10|127|169\.254|192\.168|172\.(1[6-9]|2\d|3[01])|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\./

/** @param {string} sdp @returns {NetworkFacts} */
export function networkFacts(sdp) {
  const candidates = candidatesOf(sdp)
  return {
    isPublic: candidates.some(({ type, address }) => (type === 'host' ? isPublicAddress(address) : true)),
    hasRelay: candidates.some(({ type }) => type === 'relay'),
    changesPorts: changesPorts(candidates.filter(({ transport }) => transport === 'udp'))
  }
}

/** @typedef {{ transport: string, address: string, port: string, type: string }} Candidate */

/** @param {string} sdp @returns {Candidate[]} */
const candidatesOf = sdp =>
  [...sdp.matchAll(/^a=candidate:\S+ \d+ (\S+) \d+ (\S+) (\d+) typ (\w+)/gm)].map(
    ([, transport = '', address = '', port = '', type = '']) => ({
      transport: transport.toLowerCase(),
      address,
      port,
      type
    })
  )

/**
 * Whether one public address has more ports than there are local sockets. Browsers use one socket for all STUN servers, so
 * the NAT gives it another port for each. With one STUN server this cannot be seen.
 * @param {Candidate[]} candidates
 */
function changesPorts(candidates) {
  const sockets = candidates.filter(({ type }) => type === 'host').length
  /** @type {Map<string, Set<string>>} */
  const ports = new Map()
  for (const { type, address, port } of candidates)
    if (type === 'srflx') ports.set(address, (ports.get(address) ?? new Set()).add(port))
  return sockets > 0 && [...ports.values()].some(({ size }) => size > sockets)
}

/** Browsers mostly hide their own addresses behind a name that ends with `.local` (mDNS). @param {string} address */
const isPublicAddress = address =>
  address.includes(':') ? /^[23]/.test(address) : /^[\d.]+$/.test(address) && !PRIVATE_IPV4.test(address)
