// @ts-check
// Asks for something again and again while a view shows it: one request at a time, none while the tab is hidden. Knows
// no elements.

/**
 * Returns what ends it and what asks at once.
 * @param {number} seconds between an answer and the next request
 * @param {() => Promise<void>} ask handles its own errors
 */
export function watch (seconds, ask) {
  let isOver = false
  let isAsking = false
  let isWanted = false
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer

  async function now () {
    clearTimeout(timer)
    if (isAsking) {
      isWanted = true
      return
    }
    isAsking = true
    isWanted = false
    try {
      await ask()
    } finally {
      isAsking = false
      if (!isOver) timer = setTimeout(next, isWanted ? 0 : seconds * 1000)
    }
  }

  function next () {
    if (document.hidden) timer = setTimeout(next, 1000)
    else now()
  }

  now()
  return {
    now,
    end () {
      isOver = true
      clearTimeout(timer)
    }
  }
}
