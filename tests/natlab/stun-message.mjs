// What the STUN server and the TURN client of the lab share: addresses in STUN messages (RFC 8489).

export const MAGIC_COOKIE = Buffer.from('2112a442', 'hex')

/** Returns the bytes of an address. @param {string} address IPv4, or IPv6 with one "::" or none, and no dots */
export function bytesOf (address) {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number))
  const [head, tail = []] = address.split('::').map(part => part.split(':').filter(Boolean))
  const groups = [...head, ...Array(8 - head.length - tail.length).fill('0'), ...tail]
  return Buffer.from(groups.map(group => group.padStart(4, '0')).join(''), 'hex')
}

/** Returns the value of an attribute such as XOR-MAPPED-ADDRESS. @param {Buffer} key magic cookie and transaction ID */
export function xorAddress (address, port, key) {
  const bytes = bytesOf(address)
  const value = Buffer.alloc(4 + bytes.length)
  value[1] = bytes.length === 4 ? 1 : 2
  value.writeUInt16BE(port ^ 0x2112, 2)
  for (const [i, byte] of bytes.entries()) value[4 + i] = byte ^ key[i]
  return value
}

/** Returns an attribute, padded to whole words. @param {number} type @param {Buffer} value */
export function attribute (type, value) {
  const header = Buffer.alloc(4)
  header.writeUInt16BE(type, 0)
  header.writeUInt16BE(value.length, 2)
  return Buffer.concat([header, value, Buffer.alloc(-value.length & 3)])
}
