// @ts-check
// Waits for a result for a limited time. It uses no DOM.

/**
 * Returns the result of a promise. Rejects if there is none within the time.
 * @template T @param {Promise<T>} promise @param {number} milliseconds @param {string} message of the error @returns {Promise<T>}
 */
export async function inTime(promise, milliseconds, message) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(message)), milliseconds)
  })
  try {
    return /** @type {T} */ (await Promise.race([promise, late]))
  } finally {
    clearTimeout(timer)
  }
}
