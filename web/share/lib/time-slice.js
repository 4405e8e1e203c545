// @ts-check
// Time slicing: long work yields to the browser, so that the page stays responsive. It uses no DOM.

/** Longest time slice. */
const SLICE_MS = 40

/** Resolves in a new task. A timer would be delayed in hidden pages. */
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
 * Returns a function to await in a loop. It yields after each time slice, and returns at once otherwise.
 * @param {() => number} [clock] milliseconds @returns {() => Promise<void> | undefined}
 */
export function timeSlicer(clock = () => performance.now()) {
  let start = clock()
  return () =>
    clock() - start < SLICE_MS
      ? undefined
      : nextTask().then(() => {
          start = clock()
        })
}
