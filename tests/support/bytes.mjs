// Checksums and ids for tests that run in Node.

import { createHash, randomBytes } from 'node:crypto'

/** Lower-case hex SHA-256. @param {Uint8Array | string} bytes */
export const sha256 = bytes => createHash('sha256').update(bytes).digest('hex')

/** A fresh info-hash or peer_id: 40 hex digits. */
export const randomId = () => randomBytes(20).toString('hex')
