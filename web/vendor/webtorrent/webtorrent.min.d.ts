// Written for this project, not part of the package. The part of webtorrent's interface that the page uses, as read from version 3.0.21. The names that begin
// with an underscore are internal to it; only core/tracker-link.js, core/metadata.js and core/peers.js touch them.

export interface Emitter {
  on (event: string, listener: (...args: any[]) => void): this
  once (event: string, listener: (...args: any[]) => void): this
  off (event: string, listener: (...args: any[]) => void): this
  removeListener (event: string, listener: (...args: any[]) => void): this
}

export type Done = (error?: unknown, value?: any) => void

/** The abstract-chunk-store interface. */
export interface ChunkStore {
  chunkLength: number
  put (index: number, bytes: Uint8Array, done?: Done): void
  get (index: number, options: { offset?: number, length?: number } | null | undefined | Done, done?: Done): void
  close (done?: Done): void
  destroy (done?: Done): void
}

export interface TorrentFile extends Emitter {
  name: string
  path: string
  length: number
  offset: number
  done: boolean
  readonly downloaded: number
  stream (range?: { start: number, end: number }): ReadableStream<Uint8Array>
}

export interface Bits { buffer: Uint8Array, get (index: number): boolean }

/** The exchange of the info dictionary (BEP 9), on one connection. */
export interface MetadataExtension extends Emitter {
  metadata: Uint8Array
  setMetadata (bytes: Uint8Array): Promise<boolean>
  removeAllListeners (event: string): this
}

export interface Wire extends Emitter {
  ut_metadata: MetadataExtension
  peerId: string
  peerPieces: Bits
  peerChoking: boolean
  isSeeder: boolean
  uploaded: number
  downloaded: number
  destroyed: boolean
  uploadSpeed (): number
  downloadSpeed (): number
}

/** A simple-peer connection. */
export interface PeerConnection extends Emitter {
  id: string
  connected: boolean
  destroyed: boolean
  /** Null after the end. */
  _pc: RTCPeerConnection | null
  getStats (done: (error: unknown, reports: Array<Record<string, any>>) => void): void
}

export interface TrackerSocket {
  socket: { connected: boolean } | null
  destroyed: boolean
  reconnecting: boolean
  retries: number
  announceUrl: string
  reconnectTimer: ReturnType<typeof setTimeout> | null
  _openSocket (): void
}

export interface TrackerClient extends Emitter {
  _trackers: TrackerSocket[]
  update (): void
}

export interface Torrent extends Emitter {
  infoHash: string
  name: string
  length: number
  pieceLength: number
  infoBuffer: Uint8Array
  metadata: Uint8Array | null
  pieces: Array<{ length: number, missing: number } | null>
  bitfield: Bits
  files: TorrentFile[]
  wires: Wire[]
  done: boolean
  ready: boolean
  destroyed: boolean
  received: number
  uploaded: number
  readonly downloaded: number
  readonly downloadSpeed: number
  readonly uploadSpeed: number
  discovery: { tracker: TrackerClient | null } | null
  _processParsedTorrent (parsed: Record<string, unknown>): void
  _onMetadata (torrentFile: Uint8Array): Promise<void>
  select (start: number, end: number, priority?: number): void
  deselect (start: number, end: number): void
  destroy (options?: { destroyStore?: boolean }, done?: Done): void
}

export default class WebTorrent implements Emitter {
  static WEBRTC_SUPPORT: boolean
  constructor (options?: Record<string, unknown>)
  destroyed: boolean
  torrents: Torrent[]
  add (id: string | Uint8Array | Record<string, unknown>, options: Record<string, unknown>): Torrent
  /** Bytes per second; -1: no limit. */
  throttleUpload (rate: number): void
  destroy (done?: Done): void
  on (event: string, listener: (...args: any[]) => void): this
  once (event: string, listener: (...args: any[]) => void): this
  off (event: string, listener: (...args: any[]) => void): this
  removeListener (event: string, listener: (...args: any[]) => void): this
}
