// @ts-check
// Saves a text as a file on the user's machine.

/** @param {string} name @param {string} text @param {string} type */
export function saveText(name, text, type = 'text/csv;charset=utf-8') {
  const address = URL.createObjectURL(new Blob([text], { type }))
  const link = document.createElement('a')
  link.href = address
  link.download = name
  link.click()
  // Some browsers read the address only after the click.
  setTimeout(() => URL.revokeObjectURL(address), 10_000)
}

/** Returns a file name with the time, in characters that every system allows. @param {string} title */
export const fileName = title =>
  `swarmhub-${title.toLowerCase().replace(/[^a-z0-9]+/g, '-')}-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.csv`
