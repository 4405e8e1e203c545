// Puts values of a test into a file that operators copy.

import assert from 'node:assert/strict'

/** Applies replacements to a text; each must match exactly once. */
export function replaceOnce (text, changes) {
  for (const [from, to] of changes) {
    assert.equal(text.split(from).length, 2, `"${from}" is in the file once`)
    text = text.replace(from, () => to)
  }
  return text
}
