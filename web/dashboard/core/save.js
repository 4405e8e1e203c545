// @ts-check
// Saves a text as a file of the reader.

/** @param {string} name @param {string} text @param {string} type */
export function saveText(name, text, type = 'text/csv;charset=utf-8') {
  const address = URL.createObjectURL(new Blob([text], { type }))
  const link = document.createElement('a')
  link.href = address
  link.download = name
  link.click()
  // Some browsers read it only after the click.
  setTimeout(() => URL.revokeObjectURL(address), 10_000)
}

/** A name with the time in it, in characters that every system takes. @param {string} what */
export const fileName = what =>
  `swarmhub-${what.toLowerCase().replace(/[^a-z0-9]+/g, '-')}-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.csv`
