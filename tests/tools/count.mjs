// Counts the test cases in the log of one stage, as written by the Rust and Node test runners. Used by tests/run.
// Prints "passed failed skipped", or with --skips one line per skip with its reason.

import { readFileSync } from 'node:fs'

/** One entry per runner: its summary lines, and the patterns of their counts. */
const SUMMARIES = [
  { runner: 'nextest', line: /^\s*Summary \[.*$/gm, passed: /(\d+) passed/, failed: /(\d+) (?:exec )?failed|(\d+) timed out/g, skipped: /(\d+) skipped/ },
  { runner: 'cargo test', line: /^test result: .*$/gm, passed: /(\d+) passed/, failed: /(\d+) failed/g, skipped: /(\d+) ignored/ },
  { runner: 'node', line: /^ℹ (?:pass|fail|cancelled|skipped|todo) \d+$/gm, passed: /pass (\d+)/, failed: /(?:fail|cancelled) (\d+)/g, skipped: /(?:skipped|todo) (\d+)/ },
  { runner: 'guards', line: /^guards: \d+ passed, .*$/gm, passed: /(\d+) passed/, failed: /(\d+) failed/g, skipped: /(\d+) skipped/ }
]

/** @param {string} log @returns {{ passed: number, failed: number, skipped: number }} */
export function count (log) {
  const total = { passed: 0, failed: 0, skipped: 0 }
  for (const { line, passed, failed, skipped } of SUMMARIES) {
    for (const [text] of log.matchAll(line)) {
      total.passed += Number(passed.exec(text)?.[1] ?? 0)
      total.skipped += Number(skipped.exec(text)?.[1] ?? 0)
      for (const found of text.matchAll(failed)) total.failed += Number(found.slice(1).find(Boolean))
    }
  }
  // A skipped Rust test passes and prints a line.
  total.skipped += [...log.matchAll(/^\s+skipped: /gm)].length
  return total
}

/** Returns the skips with their reasons. @param {string} log @returns {string[]} */
export function skips (log) {
  const node = [...log.matchAll(/^\s*﹣ (.*?) \([\d.]+ms\) # (.*)$/gm)].map(([, name, reason]) => `${name}: ${reason === 'SKIP' ? 'no reason given' : reason}`)
  const rust = [...log.matchAll(/^test (.*?) \.\.\. ignored(?:, (.*))?$/gm)].map(([, name, reason]) => `${name}: ${reason ?? 'no reason given'}`)
  const stage = [...log.matchAll(/^\s*skipped: (.*)$/gm)].map(([, reason]) => reason)
  return [...new Set([...stage, ...node, ...rust])]
}

const [option, file] = process.argv.slice(-2)
const log = readFileSync(file, 'utf8')
if (option === '--skips') {
  for (const line of skips(log)) console.log(line)
} else {
  const { passed, failed, skipped } = count(log)
  console.log(passed, failed, skipped)
}
