// @ts-check
// Asks a server why its tracker opens no WebSocket: browsers hide the body of a refused handshake. The check and the sharing
// page use it.

/**
 * What the server says at `/api/v1/check`. `report` is null: something else than this tracker answers. Null: no response.
 * @typedef {object} Report
 * @property {{ state: string, reason?: string | null, retry_after?: number | null }} [address]
 * @property {{ state: string, reason?: string | null } | null} [origin]
 * @property {{ state: string, reason?: string | null } | null} [token]
 * @property {{ state: string, reason?: string | null, retry_after?: number | null }} [server]
 */
/** @typedef {{ report: Report | null } | null} Answer */

/** @param {string[]} addresses from `checkAddressesOf` @param {AbortSignal} limit @returns {Promise<Answer>} */
export async function askTracker(addresses, limit) {
  /** @type {Answer} */
  let answer = null
  for (const address of addresses) {
    answer = await ask(address, limit)
    // Where nothing answers, nothing answers at another path.
    if (!answer || answer.report?.address) break
  }
  return answer
}

/** @param {string} address @param {AbortSignal} limit @returns {Promise<Answer>} */
async function ask(address, limit) {
  try {
    const response = await fetch(address, { cache: 'no-store', signal: limit })
    return { report: await response.json().catch(() => null) }
  } catch {
    // This tracker lets pages of all origins read its answer. Others answer perhaps, but unreadably.
    const isThere = await fetch(address, { mode: 'no-cors', cache: 'no-store', signal: limit }).then(
      () => true,
      () => false
    )
    // The browser reports a violation of a policy after the error.
    await new Promise(resolve => setTimeout(resolve))
    return isThere ? { report: null } : null
  }
}
