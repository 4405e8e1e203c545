// Sends TURN requests over UDP (RFC 8656) with long-term credentials: Allocate for IPv4 and for IPv6, then CreatePermission
// and ChannelBind for each peer. Nothing is sent to peers. Runs in a home.
//
// Usage: turn-requests.mjs '{ "server": "203.0.113.2", "port": 3478, "username": "…", "password": "…", "peers": ["10.0.0.1"] }'
//
// Prints the error codes of the responses as JSON, 0 for a success: { "allocate": [0, 0], "peers": { "10.0.0.1": [403, 403] } }

import { createHash, createHmac, randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { nextEvent } from '../support/index.mjs'
import { MAGIC_COOKIE, attribute, xorAddress } from './stun-message.mjs'

const ALLOCATE = 3
const CREATE_PERMISSION = 8
const CHANNEL_BIND = 9
const USERNAME = 0x06
const MESSAGE_INTEGRITY = 0x08
const ERROR_CODE = 0x09
const CHANNEL_NUMBER = 0x0c
const XOR_PEER_ADDRESS = 0x12
const REALM = 0x14
const NONCE = 0x15
const REQUESTED_ADDRESS_FAMILY = 0x17
const REQUESTED_TRANSPORT = 0x19

const HEADER_BYTES = 20
const INTEGRITY_BYTES = 24
const FIRST_CHANNEL = 0x4000
const PEER_PORT = 5_000
const RESPONSE_MS = 5_000
/** RFC 8656, 18.12. */
const ALLOCATION_MISMATCH = 437
const UDP = Buffer.from([17, 0, 0, 0])

const { server, port, username, password, peers } = JSON.parse(process.argv[2])

/**
 * Returns a request. With a key it is signed, and the integrity is part of the length in the header (RFC 8489, 14.5).
 * @param {number} method @param {(mask: Buffer) => Buffer[]} attributes of the mask for addresses @param {Buffer} [key]
 */
function request (method, attributes, key) {
  const mask = Buffer.concat([MAGIC_COOKIE, randomBytes(12)])
  const body = Buffer.concat(attributes(mask))
  const header = Buffer.alloc(4)
  header.writeUInt16BE(method, 0)
  header.writeUInt16BE(body.length + (key ? INTEGRITY_BYTES : 0), 2)
  const unsigned = Buffer.concat([header, mask, body])
  return key ? Buffer.concat([unsigned, attribute(MESSAGE_INTEGRITY, createHmac('sha1', key).update(unsigned).digest())]) : unsigned
}

/** Returns the attributes of a message by type. */
function attributesOf (message) {
  const found = new Map()
  for (let at = HEADER_BYTES; at < message.length; at += 4 + (message.readUInt16BE(at + 2) + 3 & ~3)) {
    found.set(message.readUInt16BE(at), message.subarray(at + 4, at + 4 + message.readUInt16BE(at + 2)))
  }
  return found
}

/** Returns the error code of a response, 0 for a success. */
function codeOf (response) {
  const error = attributesOf(response).get(ERROR_CODE)
  return error ? error[2] * 100 + error[3] : 0
}

/** A client with a socket, and so an allocation, of its own. */
class TurnClient {
  #socket = createSocket('udp4')
  #channel = FIRST_CHANNEL
  #key
  #user

  async #exchange (packet) {
    this.#socket.send(packet, port, server)
    const response = await nextEvent(RESPONSE_MS, this.#socket, 'message', 'a response')
    if (!response.subarray(4, HEADER_BYTES).equals(packet.subarray(4, HEADER_BYTES))) throw new Error('a response to another request')
    return response
  }

  /** Sends a signed request and returns the code of the response. */
  async #request (method, attributes) {
    return codeOf(await this.#exchange(request(method, mask => [...attributes(mask), ...this.#user], this.#key)))
  }

  /** Learns realm and nonce by a request without credentials, then allocates. @param {number} family 4 or 6 */
  async allocate (family) {
    const wanted = () => [attribute(REQUESTED_TRANSPORT, UDP), attribute(REQUESTED_ADDRESS_FAMILY, Buffer.from([family === 4 ? 1 : 2, 0, 0, 0]))]
    let response = await this.#exchange(request(ALLOCATE, wanted))
    if (codeOf(response) === ALLOCATION_MISMATCH) {
      // A client before this one had an allocation with the same port, which lasts ten minutes.
      this.#socket.close()
      this.#socket = createSocket('udp4')
      response = await this.#exchange(request(ALLOCATE, wanted))
    }
    const challenge = attributesOf(response)
    const [realm, nonce] = [challenge.get(REALM), challenge.get(NONCE)]
    if (!realm || !nonce) throw new Error(`no challenge, but code ${codeOf(response)}`)
    this.#key = createHash('md5').update(`${username}:${realm}:${password}`).digest()
    this.#user = [attribute(USERNAME, Buffer.from(username)), attribute(REALM, realm), attribute(NONCE, nonce)]
    return this.#request(ALLOCATE, wanted)
  }

  /** Returns the codes of a permission and of a channel. */
  async ask (peer) {
    const address = mask => attribute(XOR_PEER_ADDRESS, xorAddress(peer, PEER_PORT, mask))
    const number = Buffer.alloc(4)
    number.writeUInt16BE(this.#channel++, 0)
    return [
      await this.#request(CREATE_PERMISSION, mask => [address(mask)]),
      await this.#request(CHANNEL_BIND, mask => [attribute(CHANNEL_NUMBER, number), address(mask)])
    ]
  }

  close () {
    this.#socket.close()
  }
}

const clients = { 4: new TurnClient(), 6: new TurnClient() }
const codes = await Promise.all([4, 6].map(family => clients[family].allocate(family)))
const report = { allocate: codes, peers: {} }
if (codes.every(code => code === 0)) {
  for (const peer of peers) report.peers[peer] = await clients[peer.includes(':') ? 6 : 4].ask(peer)
}
for (const client of Object.values(clients)) client.close()
console.log(JSON.stringify(report))
