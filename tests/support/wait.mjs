// Bounded waits. All waits of tests use these functions, so that no test hangs and each timeout names its condition.
// None of them sleeps for a fixed time in place of a condition.

/**
 * Returns the value of `promise`, or throws an error with `what` after `ms`.
 * @template T
 * @param {number} ms @param {Promise<T>} promise @param {string} what @returns {Promise<T>}
 */
export async function within (ms, promise, what) {
  let timer
  const timeout = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([promise, timeout])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Calls `probe` repeatedly until it returns a truthy value, and returns that. On a timeout the error shows the last value
 * or the last exception. A function `what` is called at the timeout, so that it can show a log as it is then.
 * @template T
 * @param {number} ms @param {() => T | Promise<T>} probe @param {string | (() => string)} what
 * @returns {Promise<NonNullable<T>>}
 */
export async function eventually (ms, probe, what) {
  const deadline = performance.now() + ms
  const describe = () => typeof what === 'function' ? what() : what
  let last
  for (;;) {
    const left = deadline - performance.now()
    try {
      last = await within(Math.max(left, 1), Promise.resolve().then(probe), 'the probe')
      if (last) return last
    } catch (error) {
      last = error
    }
    if (performance.now() >= deadline) {
      const seen = last instanceof Error ? last.message : JSON.stringify(last)
      throw new Error(`${describe()}: not within ${ms} ms (last: ${seen})`, { cause: last })
    }
    await new Promise(resolve => setTimeout(resolve, 25))
  }
}

/**
 * Returns the first argument of the next `event` of `emitter`; an `error` event ends the wait.
 * @param {number} ms @param {import('node:events').EventEmitter} emitter @param {string} event @param {string} [what]
 */
export function nextEvent (ms, emitter, event, what = `event ${event}`) {
  let onEvent, onError
  const happened = new Promise((resolve, reject) => {
    onEvent = resolve
    onError = reject
    emitter.once(event, onEvent)
    if (event !== 'error') emitter.once('error', onError)
  })
  return within(ms, happened, what).finally(() => {
    emitter.removeListener(event, onEvent)
    emitter.removeListener('error', onError)
  })
}
