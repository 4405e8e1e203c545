// @ts-check
// Formats settings as lines of the configuration file (TOML). It uses no DOM.

/** @typedef {import('./settings.js').Setting} Setting */

/** Quotes a text. JSON strings are valid TOML, except for one character. @param {string} text */
export const tomlText = text => JSON.stringify(text).replaceAll('\u007f', '\\u007f')

/** Returns the line of one setting. @param {Setting} setting */
function lineOf({ key, value, secret }) {
  const name = key.slice(key.lastIndexOf('.') + 1)
  if (secret) return `# ${name} is a secret and not shown.`
  return value === null ? `# ${name} is not set: remove its line from the file.` : `${name} = ${value}`
}

/** Returns the lines that make runtime changes permanent. @param {Setting[]} settings */
export function changedToml(settings) {
  const changed = settings.filter(({ changed }) => changed)
  const sections = [...new Set(changed.map(({ section }) => section))]
  // Settings without a section must be above the first one; below it they would be part of it.
  const ordered = [null, ...sections.filter(section => section !== null)].filter(section => sections.includes(section))
  const parts = ordered.map(section => {
    const lines = changed.filter(setting => setting.section === section).map(lineOf)
    return [section === null ? '# Above the first [section] of the file:' : `[${section}]`, ...lines].join('\n')
  })
  return parts.length ? `${parts.join('\n\n')}\n` : ''
}
