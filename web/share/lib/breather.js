// @ts-check
// Long work in parts, so that the page answers meanwhile. Knows no DOM.

/** Longest part, in milliseconds: short enough to press a button in between. */
const PART_MS = 40

/** A new task; a timer would be held up in pages that are not shown. */
const nextTask = () =>
  new Promise(resolve => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve(undefined)
    }
    port2.postMessage(null)
  })

/**
 * Says when it is time to let others work: `await breather()` in a loop costs next to nothing most times.
 * @param {() => number} [clock] milliseconds @returns {() => Promise<void> | undefined}
 */
export function breather(clock = () => performance.now()) {
  let since = clock()
  return () =>
    clock() - since < PART_MS
      ? undefined
      : nextTask().then(() => {
          since = clock()
        })
}
