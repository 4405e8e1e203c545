// A minimal WebSocket client with a chosen source address and chosen headers, which common clients do not support.

import { randomBytes } from 'node:crypto'
import { request as plainRequest } from 'node:http'
import { request } from 'node:https'
import { nextEvent, within } from '../support/index.mjs'

const STEP_MS = 20_000
const TEXT = 0x81

/** Returns an id: the name padded to twenty characters. @param {string} name */
export const id = name => name.padEnd(20, '-')

/**
 * Fetches a page over HTTPS. Any certificate is accepted.
 * @param {number} port @param {string} path @param {string} [from] the address to come from
 */
export function fetchPage (port, path, from) {
  const outgoing = request({ host: '127.0.0.1', port, path, localAddress: from, rejectUnauthorized: false, agent: false })
  outgoing.end()
  return within(STEP_MS, new Promise((resolve, reject) => {
    outgoing.once('error', reject)
    outgoing.once('response', response => {
      let body = ''
      response.setEncoding('latin1').on('data', text => { body += text })
      response.once('end', () => resolve({ status: response.statusCode, headers: response.headers, body }))
    })
  }), `page ${path}`)
}

/**
 * Requests a WebSocket over TLS from an address. Returns a client, or the status of the refusal.
 * @param {number} port @param {string} from @param {Record<string, string>} [headers] @param {string} [path]
 */
export const connect = (port, from, headers = {}, path = '/announce') => connectWith(request, port, from, headers, path)

/** The same without TLS. @param {number} port */
export const connectWithoutTls = port => connectWith(plainRequest, port, '127.0.0.1', {}, '/announce')

/** @returns {Promise<{ client?: WebSocketClient, status: number | undefined }>} */
function connectWith (request, port, from, headers, path) {
  const outgoing = request({
    host: '127.0.0.1',
    port,
    path,
    localAddress: from,
    rejectUnauthorized: false,
    agent: false,
    headers: {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
      ...headers
    }
  })
  outgoing.end()
  return within(STEP_MS, new Promise((resolve, reject) => {
    outgoing.once('error', reject)
    outgoing.once('response', response => {
      response.resume()
      resolve({ status: response.statusCode })
    })
    outgoing.once('upgrade', (response, socket, head) => resolve({ status: response.statusCode, client: new WebSocketClient(socket, head) }))
  }), `upgrade from ${from}`)
}

/** An open WebSocket. */
export class WebSocketClient {
  #read
  #frames = []

  constructor (socket, head) {
    this.socket = socket
    this.#read = Buffer.from(head)
    socket.on('data', data => {
      this.#read = Buffer.concat([this.#read, data])
      this.#parseFrames()
    })
    socket.on('error', () => {})
    this.#parseFrames()
  }

  /** @param {object} message */
  send (message) {
    const text = Buffer.from(JSON.stringify(message))
    const head = Buffer.from([TEXT, 0xfe, text.length >> 8, text.length & 0xff, 0, 0, 0, 0])
    this.socket.write(Buffer.concat([head, text]))
  }

  /** Returns the next frame: its first byte and its payload. */
  async receive () {
    while (this.#frames.length === 0) await nextEvent(STEP_MS, this.socket, 'frame', 'a frame')
    return this.#frames.shift()
  }

  /** Returns the next message. */
  async receiveMessage () {
    const { first, payload } = await this.receive()
    if (first !== TEXT) throw new Error(`not a message but a frame of kind ${first.toString(16)}: ${payload.toString('hex')}`)
    return JSON.parse(payload.toString())
  }

  /** Joins a swarm with these offers and returns the reply. */
  async join (swarm, peer, offers = []) {
    this.send({ action: 'announce', info_hash: id(swarm), peer_id: id(peer), left: 1, numwant: offers.length, offers })
    return this.receiveMessage()
  }

  end () {
    this.socket.destroy()
  }

  #parseFrames () {
    for (;;) {
      const length = this.#read[1]
      const start = length === 126 ? 4 : 2
      if (this.#read.length < start) return
      const size = length === 126 ? this.#read.readUInt16BE(2) : length
      if (this.#read.length < start + size) return
      this.#frames.push({ first: this.#read[0], payload: this.#read.subarray(start, start + size) })
      this.#read = this.#read.subarray(start + size)
      this.socket.emit('frame')
    }
  }
}
