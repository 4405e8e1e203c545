// @ts-check
// The colours of the style sheet, for what is drawn on a canvas and cannot have a class.

/** How many colours the style sheet has for lines: --curve-1 and so on. */
const LINES = 6

/** In the scheme of the moment. */
export function palette () {
  const style = getComputedStyle(document.documentElement)
  const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim()
  return {
    lines: Array.from({ length: LINES }, (_, i) => colour(`--curve-${i + 1}`)),
    text: colour('--text-soft'),
    grid: colour('--line')
  }
}

/** @param {() => void} changed called when the reader changes between light and dark */
export const onScheme = changed => matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed)
