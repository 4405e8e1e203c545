// Measures how long a page keeps its thread busy, in processor time, which is independent of the load of the machine.

import assert from 'node:assert/strict'

/** What `startTracing` of the browser has to record. */
export const TASK_CATEGORIES = ['toplevel', 'blink.user_timing']

/**
 * Returns the processor time in milliseconds of the longest task of a page after its mark (`performance.mark`).
 * @param {any[]} events of a trace @param {string} name of the mark
 */
export function longestTask (events, name) {
  const mark = events.find(event => event.name === name && event.cat.includes('blink.user_timing'))
  assert.ok(mark, `the trace has the mark of the ${name}`)
  const tasks = events.filter(({ name, ph, pid, tid, ts, tdur }) => ph === 'X' && tdur && /RunTask|ThreadControllerImpl/.test(name) && pid === mark.pid && tid === mark.tid && ts > mark.ts)
  assert.ok(tasks.length > 0, 'the trace has the tasks of the page')
  return Math.round(Math.max(...tasks.map(({ tdur }) => tdur)) / 1000)
}
