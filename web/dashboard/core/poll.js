// @ts-check
// Repeats a request while an element shows its result: one request at a time, none while the tab is hidden. It uses no
// elements.

/**
 * Calls `request` now and after each interval, until `signal` aborts or a request returns false.
 * @param {number | (() => number)} seconds from a response to the next request
 * @param {() => Promise<void | false>} request handles its own errors
 * @param {AbortSignal} signal
 * @returns {() => void} makes the next request at once
 */
export function poll(seconds, request, signal) {
  let isRunning = false
  /** Whether to repeat the request as soon as the running one ends. */
  let isRepeated = false
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer

  async function now() {
    clearTimeout(timer)
    if (signal.aborted) return
    if (isRunning) {
      isRepeated = true
      return
    }
    isRunning = true
    isRepeated = false
    let isLast = false
    try {
      isLast = (await request()) === false
    } finally {
      isRunning = false
      const pause = typeof seconds === 'number' ? seconds : seconds()
      if (!signal.aborted && !isLast) timer = setTimeout(next, isRepeated ? 0 : pause * 1000)
    }
  }

  function next() {
    if (document.hidden) timer = setTimeout(next, 1000)
    else now()
  }

  signal.addEventListener('abort', () => clearTimeout(timer))
  now()
  return now
}
