// The types of <swarm-share>. web/test/package-types.ts compares them with the source. docs/embed.md describes the element.

/** A problem, as the table in docs/embed.md explains it. */
export type ErrorCode =
  | 'insecure-page'
  | 'webrtc-missing'
  | 'module-failed'
  | 'server-missing'
  | 'link-broken'
  | 'busy'
  | 'disabled'
  | 'option-invalid'
  | 'file-too-big'
  | 'files-too-big'
  | 'too-many-files'
  | 'type-not-accepted'
  | 'nothing-to-share'
  | 'file-unreadable'
  | 'storage-full'
  | 'storage-short'
  | 'saving-failed'
  | 'app-share-lost'
  | 'key-missing'
  | 'key-wrong'
  | 'password-wrong'
  | 'not-locked'
  | 'share-newer'
  | 'share-damaged'
  | 'record-damaged'
  | 'share-expired'
  | 'share-too-large'
  | 'transfer-failed'
  | 'token-missing'
  | 'tracker-insecure'
  | 'tracker-refused'
  | 'tracker-unreachable'
  | 'tracker-lost'
  | 'connection-failed'
  | 'connection-no-servers'
  | 'connection-own-blocked'
  | 'connection-other-blocked'
  | 'connection-both-blocked'
  | 'connection-no-relay'
  | 'connection-no-relay-own'
  | 'connection-no-relay-other'
  | 'connection-no-relay-both'
  | 'connection-own-without-relay'
  | 'connection-other-without-relay'
  | 'connection-relay-failed'

/** The error of a call that was refused or has failed. A call that `stop` or another call ended rejects with an `AbortError`. */
export interface ShareError extends Error {
  code: ErrorCode
  /** An explanation, and what helps. */
  remedy: string
}

export type ShareState =
  | 'idle'
  | 'loading'
  | 'unsupported'
  | 'hashing'
  | 'sharing'
  | 'finding'
  | 'locked'
  | 'checking'
  | 'offered'
  | 'downloading'
  | 'done'
  | 'failed'
  | 'stopped'

export interface ShareFile {
  /** From the sender, so it is untrusted: show it as text, never as markup. */
  name: string
  /** The name with those of its folders. */
  path: string
  /** Bytes. */
  size: number
  /** Received bytes. */
  have: number
  /** Whether it is complete. */
  done: boolean
  /** Reads it, and waits for missing parts. */
  stream(): ReadableStream<Uint8Array>
  /** Reads all of it. Its type is never one that can run script. */
  blob(): Promise<Blob>
}

export interface Shared {
  /** It has the key of an encrypted share. */
  link: string
  /** It has neither key nor name of an encrypted share. */
  magnet: string
  infoHash: string
}

export interface ShareOptions {
  /** Receivers need it besides the link. */
  password?: string
  /** Milliseconds until the share ends. */
  lifetime?: number | null
}

export interface SharedDetail extends Shared {
  files: ShareFile[]
}

export interface PeerDetail {
  type: 'joined' | 'left'
  id: string
  /** How it is connected. */
  path: 'same-network' | 'direct' | 'own-relay' | 'other-relay' | 'connecting'
}

export interface ProgressDetail {
  phase: ShareState
  /** 0 to 1. */
  fraction: number
  /** Bytes. */
  have: number
  /** Bytes. */
  size: number
  /** Bytes per second. */
  down: number
  /** Bytes per second. */
  up: number
}

export interface DoneDetail {
  infoHash: string
  name: string
  files: ShareFile[]
}

export interface ErrorDetail {
  code: ErrorCode
  severity: 'error' | 'warning'
  /** A text for people. */
  cause: string
  /** A text for people: what helps. */
  remedy: string
}

export interface SwarmShareEventMap {
  shared: CustomEvent<SharedDetail>
  peer: CustomEvent<PeerDetail>
  progress: CustomEvent<ProgressDetail>
  file: CustomEvent<ShareFile>
  done: CustomEvent<DoneDetail>
  error: CustomEvent<ErrorDetail>
  /** A visitor has entered a link. The detail is its fragment. */
  'share-open': CustomEvent<string>
}

/** Texts by the English text; those with a number have the plural forms of `Intl.PluralRules`. */
export type Words = Record<string, string | Record<string, string>>

/** The properties that can be set. */
export interface SwarmShareProperties {
  /** Address of the tracker: `wss://…` or `https://…`. */
  tracker?: string
  /** Address of the STUN and TURN servers. */
  ice?: string
  /** Replaces the servers of the address in `ice`. */
  iceServers?: RTCIceServer[] | null
  /** Types and endings of files, as in a file input. */
  accept?: string
  /** Whether several files and folders can be shared; true by default. */
  multiple?: boolean
  /** Bytes, or a number with a unit such as `5MB`. */
  maxFileSize?: number | string | null
  /** Bytes, or a number with a unit such as `5MB`. */
  maxTotalSize?: number | string | null
  maxFiles?: number | string | null
  disabled?: boolean
  /** Name of the form entry, whose value is the link. */
  name?: string
  /** What links begin with. */
  linkBase?: string
  /** Which links visitors can open. */
  link?: 'fragment' | 'manual' | 'none'
  /** Where files can be dropped and pasted. */
  drop?: 'element' | 'page'
  encryption?: 'on' | 'off'
  theme?: 'auto' | 'light' | 'dark'
  /** Words of the page, which replace those of the element. */
  words?: Words | null
  /** Whether everything is loaded at once. */
  preload?: boolean
  /** Address of a copy of the service worker on the origin of the page. */
  worker?: string
  /** What is shared or received. Setting it opens it; null ends the session. */
  infoHash?: string | null
  /** Shares these files like `share`. It is ignored during a session. */
  files?: Iterable<File> | null
}

export declare class SwarmShareElement extends HTMLElement {
  static readonly formAssociated: boolean
  static readonly observedAttributes: string[]

  tracker: string
  ice: string
  worker: string
  linkBase: string
  accept: string
  name: string
  multiple: boolean
  get maxFileSize(): number | null
  set maxFileSize(value: number | string | null)
  get maxTotalSize(): number | null
  set maxTotalSize(value: number | string | null)
  get maxFiles(): number | null
  set maxFiles(value: number | string | null)
  disabled: boolean
  preload: boolean
  encryption: 'on' | 'off'
  link: 'fragment' | 'manual' | 'none'
  drop: 'element' | 'page'
  theme: 'auto' | 'light' | 'dark'
  /** Language: `en`, `de` or `es`, also with a region. Empty: that of the page. */
  lang: string

  iceServers: RTCIceServer[] | null
  words: Words | null
  infoHash: string | null
  readonly form: HTMLFormElement | null
  /** The link while files are shared, else empty. */
  readonly value: string
  readonly state: ShareState
  get files(): ShareFile[]
  /** Shares files like `share`. It is ignored during a session. */
  set files(files: Iterable<File> | null)

  /** Shares files until `stop`. Rejects with a `ShareError` or an `AbortError`. */
  share(files: Iterable<File>, options?: ShareOptions): Promise<Shared>
  /** Adds files to what is shared: the new link has all. The earlier link goes on working. Rejects like `share`. */
  add(files: Iterable<File>): Promise<Shared>
  /** Opens a share that has a password. Rejects with the code `password-wrong` if it does not fit. */
  unlock(password: string): Promise<void>
  /** Opens a link, a magnet link or an info-hash. Resolves when the search begins, or rejects like `share`. */
  open(link: string): Promise<{ infoHash: string }>
  /** Ends sharing or receiving, without a question. */
  stop(): void

  addEventListener<K extends keyof SwarmShareEventMap>(
    type: K,
    listener: (this: SwarmShareElement, event: SwarmShareEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions
  ): void
  addEventListener<K extends keyof HTMLElementEventMap>(
    type: K,
    listener: (this: HTMLElement, event: HTMLElementEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions
  ): void
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions
  ): void
  removeEventListener<K extends keyof SwarmShareEventMap>(
    type: K,
    listener: (this: SwarmShareElement, event: SwarmShareEventMap[K]) => unknown,
    options?: boolean | EventListenerOptions
  ): void
  removeEventListener<K extends keyof HTMLElementEventMap>(
    type: K,
    listener: (this: HTMLElement, event: HTMLElementEventMap[K]) => unknown,
    options?: boolean | EventListenerOptions
  ): void
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | EventListenerOptions
  ): void
}

export interface DefineOptions {
  /** Address of a swarmhub server: the default of `tracker` and `ice`. It may have a token: `https://TRACKER/?token=TOKEN`. */
  server?: string
}

/** Defines <swarm-share>, unless the page has defined it. A later call sets the server of elements that are used first after it. */
export declare function defineSwarmShare(options?: DefineOptions): void

declare global {
  interface HTMLElementTagNameMap {
    'swarm-share': SwarmShareElement
  }
}
