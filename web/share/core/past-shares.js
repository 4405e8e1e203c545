// @ts-check
// Remembers the keys of the encrypted shares of this browser, in IndexedDB, so that the same choice of files has the same
// link after a reload. It stores no name, only a digest of names, sizes and times. Browsers without IndexedDB remember
// nothing. core/sealed-share.js uses it.

import { inTime } from '../lib/in-time.js'

const DATABASE = 'swarmhub-shares'
const STORE = 'shares'
const SHARES_MAX = 100
const KEEP_MS = 30 * 24 * 3600 * 1000
/** Some private windows never answer. The share then has a new key. */
const ANSWER_MS = 2_000

/**
 * @typedef {object} PastShare
 * @property {string} id a digest of the choice
 * @property {Uint8Array} key @property {Uint8Array} indexSalt @property {Uint8Array} contentSalt
 * @property {number | null} expires milliseconds since 1970
 * @property {string} infoHash
 * @property {number} usedAt milliseconds since 1970
 */

/**
 * Returns the share of the same choice, if it is remembered and has not expired.
 * @param {string} id @param {number} [now] @returns {Promise<PastShare | null>}
 */
export async function findPastShare(id, now = Date.now()) {
  try {
    const share = await inStore('readonly', store => store.get(id))
    return share && isCurrent(share, now) ? share : null
  } catch {
    return null
  }
}

/** Remembers a share and forgets old ones. @param {Omit<PastShare, 'usedAt'>} share @param {number} [now] */
export async function rememberShare(share, now = Date.now()) {
  try {
    await inStore('readwrite', store => store.put({ ...share, usedAt: now }))
  } catch {
    /* The next share of the same files has another link. */
  }
  await forgetOldShares(now)
}

/** Forgets old and expired shares. @param {number} [now] */
export async function forgetOldShares(now = Date.now()) {
  try {
    /** @type {PastShare[]} */
    const all = await inStore('readonly', store => store.getAll())
    for (const id of forgettable(all, now)) await inStore('readwrite', store => store.delete(id))
  } catch {
    /* the next visit tries again */
  }
}

/** Returns the ids of old and expired shares, and of those beyond the maximum. @param {Pick<PastShare, 'id' | 'usedAt' | 'expires'>[]} shares @param {number} now */
export function forgettable(shares, now) {
  const kept = shares.filter(share => isCurrent(share, now)).sort((a, b) => b.usedAt - a.usedAt)
  const ids = new Set(kept.slice(0, SHARES_MAX).map(({ id }) => id))
  return shares.map(({ id }) => id).filter(id => !ids.has(id))
}

/** @param {Pick<PastShare, 'usedAt' | 'expires'>} share @param {number} now */
const isCurrent = ({ usedAt, expires }, now) => now - usedAt < KEEP_MS && (expires === null || now < expires)

/**
 * Runs one request in a transaction of its own.
 * @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest} request @returns {Promise<any>}
 */
const inStore = (mode, request) => inTime(transact(mode, request), ANSWER_MS, 'the database does not answer')

/** @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest} request @returns {Promise<any>} */
async function transact(mode, request) {
  const database = await opened()
  try {
    const transaction = database.transaction(STORE, mode)
    const result = request(transaction.objectStore(STORE))
    await new Promise((resolve, reject) => {
      transaction.oncomplete = resolve
      transaction.onabort = () => reject(transaction.error)
    })
    return result.result
  } finally {
    database.close()
  }
}

/** @returns {Promise<IDBDatabase>} */
function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1)
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: 'id' })
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
    request.onblocked = () => reject(new Error('the database is in use'))
  })
}
