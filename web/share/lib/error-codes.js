// @ts-check
// The codes of all notices, for programs: the titles are for people and may change. docs/embed.md explains each. It uses
// no DOM.

export const ERROR_CODES = /** @type {const} */ ([
  'insecure-page',
  'webrtc-missing',
  'module-failed',
  'server-missing',
  'link-broken',
  'busy',
  'disabled',
  'option-invalid',
  'file-too-big',
  'files-too-big',
  'too-many-files',
  'type-not-accepted',
  'nothing-to-share',
  'file-unreadable',
  'storage-full',
  'storage-short',
  'saving-failed',
  'app-share-lost',
  'key-missing',
  'key-wrong',
  'password-wrong',
  'not-locked',
  'share-newer',
  'share-damaged',
  'record-damaged',
  'share-expired',
  'share-too-large',
  'transfer-failed',
  'token-missing',
  'tracker-insecure',
  'tracker-refused',
  'tracker-unreachable',
  'tracker-lost',
  'connection-failed',
  'connection-no-servers',
  'connection-own-blocked',
  'connection-other-blocked',
  'connection-both-blocked',
  'connection-no-relay',
  'connection-no-relay-own',
  'connection-no-relay-other',
  'connection-no-relay-both',
  'connection-own-without-relay',
  'connection-other-without-relay',
  'connection-relay-failed'
])

/** @typedef {(typeof ERROR_CODES)[number]} ErrorCode */

/** A notice with its code. `info` notices have none: they report no error. @typedef {import('../../common/notice.js').Notice & { code?: ErrorCode }} CodedNotice */

/** The error of a refused or failed call of the element. */
export class ShareError extends Error {
  /** @override */
  name = 'ShareError'

  /** @param {CodedNotice} notice */
  constructor({ code = 'transfer-failed', title, text }) {
    super(title)
    /** @type {ErrorCode} */
    this.code = code
    /** An explanation, and what helps. */
    this.remedy = text
  }
}

/** The error of a call that `stop` or another call ended. */
export const stopped = () => new DOMException('swarm-share: the session has ended', 'AbortError')
