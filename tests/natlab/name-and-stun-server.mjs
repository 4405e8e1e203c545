// The name server and the STUN server of the lab. Chromium looks up ICE servers by DNS only, not in /etc/hosts. Runs in the
// server's namespace, with one socket per address, so that a response comes from the address that was asked.

import { createSocket } from 'node:dgram'
import { HELPER, TRACKER } from './network.mjs'
import { MAGIC_COOKIE, attribute, bytesOf, xorAddress } from './stun-message.mjs'

const ADDRESS_TYPES = { 1: 'v4', 28: 'v6' }

/** Returns the response to a DNS query: the A or AAAA record of a name of the lab, no record, or "no such name". */
function dnsResponse (query) {
  const labels = []
  let at = 12
  for (; query[at]; at += query[at] + 1) labels.push(query.toString('latin1', at + 1, at + 1 + query[at]))
  const name = labels.join('.').toLowerCase()
  const type = query.readUInt16BE(at + 1)
  const host = [TRACKER, HELPER].find(host => host.name === name)
  const address = host?.[ADDRESS_TYPES[type]]
  const response = Buffer.from(query.subarray(0, at + 5))
  response.writeUInt16BE(host ? 0x8580 : 0x8583, 2)
  for (const [i, count] of [1, address ? 1 : 0, 0, 0].entries()) response.writeUInt16BE(count, 4 + 2 * i)
  if (!address) return response
  const data = bytesOf(address)
  // The name as a pointer to the question, class IN, 60 s.
  return Buffer.concat([response, Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length]), data])
}

/** Returns the response to a Binding request: the sender's address (RFC 8489, XOR-MAPPED-ADDRESS); null for other packets. */
function stunResponse (request, { address, port }) {
  if (request.length < 20 || request.readUInt16BE(0) !== 1 || !request.subarray(4, 8).equals(MAGIC_COOKIE)) return null
  const key = request.subarray(4, 20)
  const mapped = attribute(0x20, xorAddress(address, port, key))
  return Buffer.concat([Buffer.from([1, 1, 0, mapped.length]), key, mapped])
}

function serve (port, { v4, v6 }, respond) {
  for (const [type, address] of [['udp4', v4], ['udp6', v6]]) {
    const socket = createSocket(type)
    socket.on('message', (request, from) => {
      const response = respond(request, from)
      if (response) socket.send(response, from.port, from.address)
    })
    socket.bind(port, address)
  }
}

serve(53, TRACKER, dnsResponse)
if (process.argv.includes('--stun')) serve(3478, HELPER, stunResponse)
