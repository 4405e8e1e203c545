// @ts-check
// Settings as lines of the configuration file (TOML). Knows no DOM.

/** @typedef {import('./settings.js').Setting} Setting */

/** A text in quotes: what JSON writes is TOML as well, but for one character. @param {string} text */
export const tomlText = text => JSON.stringify(text).replaceAll('\u007f', '\\u007f')

/** One line for the file. @param {Setting} setting */
function lineOf({ key, value, secret }) {
  const name = key.slice(key.lastIndexOf('.') + 1)
  if (secret) return `# ${name} is a secret, which is not shown.`
  return value === null ? `# ${name} is not set now: take its line out of the file.` : `${name} = ${value}`
}

/** What to write into the configuration file, to keep what was changed while the server runs. @param {Setting[]} settings */
export function changedToml(settings) {
  const changed = settings.filter(({ changed }) => changed)
  const sections = [...new Set(changed.map(({ section }) => section))]
  // Without a section they belong above the first one, or they would be part of it.
  const ordered = [null, ...sections.filter(section => section !== null)].filter(section => sections.includes(section))
  const parts = ordered.map(section => {
    const lines = changed.filter(setting => setting.section === section).map(lineOf)
    return [section === null ? '# Above the first [section] of the file:' : `[${section}]`, ...lines].join('\n')
  })
  return parts.length ? `${parts.join('\n\n')}\n` : ''
}
