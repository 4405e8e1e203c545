// Runs the reference implementation as a WebSocket-only server on a free loopback port, with capacity for all peers.
import { Server } from 'bittorrent-tracker'

const KEEP_MS = 30 * 60 * 1000

const server = new Server({
  udp: false,
  http: false,
  ws: true,
  stats: false,
  peersCacheLength: 1_000_000,
  peersCacheTtl: KEEP_MS
})
server.on('error', error => {
  console.error(error)
  process.exit(1)
})
server.on('warning', error => console.error(error.message))
server.listen(0, '127.0.0.1', () => {
  const { address, port } = server.ws.address()
  console.log(`tracker  ws://${address}:${port}/`)
})
