// @ts-check
// The colours of the style sheet, for drawings on a canvas, which has no classes.

/** Number of colours for lines in the style sheet: --curve-1 and so on. */
const LINES = 6

/** Returns the colours of the current colour scheme. */
export function palette() {
  const style = getComputedStyle(document.documentElement)
  const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim()
  return {
    lines: Array.from({ length: LINES }, (_, i) => colour(`--curve-${i + 1}`)),
    text: colour('--text-soft'),
    grid: colour('--line')
  }
}

/** Calls `changed` when the user switches between light and dark. @param {() => void} changed @param {AbortSignal} signal */
export const onColourSchemeChange = (changed, signal) =>
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed, { signal })
