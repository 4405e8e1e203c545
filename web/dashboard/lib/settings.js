// @ts-check
// The settings as a form: in groups, what was changed, and which error belongs to which field. Values are texts as
// they stand in a settings file (TOML). Knows no DOM.

/** @typedef {{ key: string, value: string | null, doc: string, bounds: string, live: boolean, secret?: boolean, changed: boolean }} Setting */

/** By the part before the dot, in the order of the server; those without come first. @param {Setting[]} settings @returns {Array<{ name: string, settings: Setting[] }>} */
export function groupsOf (settings) {
  /** @type {Map<string, Setting[]>} */
  const groups = new Map()
  for (const setting of settings) {
    const name = setting.key.includes('.') ? setting.key.split('.')[0] ?? '' : ''
    groups.set(name, [...groups.get(name) ?? [], setting])
  }
  return [...groups].map(([name, settings]) => ({ name, settings }))
}

/** What its field begins with: nothing for a secret, whatever the server says in its place. @param {Setting} setting */
export const shownOf = ({ value, secret }) => secret ? '' : value ?? ''

/** What is to be sent: the fields whose text differs; an empty one unsets. @param {Setting[]} settings @param {(key: string) => string | undefined} written @returns {Record<string, string | null>} */
export function changesOf (settings, written) {
  /** @type {Record<string, string | null>} */
  const changes = {}
  for (const setting of settings) {
    const { key, live } = setting
    const text = written(key)?.trim()
    if (live && text !== undefined && text !== shownOf(setting)) changes[key] = text === '' ? null : text
  }
  return changes
}

/** @param {Setting[]} settings @param {Record<string, string | null>} changes */
export const changeWords = (settings, changes) => Object.entries(changes).map(([key, value]) => {
  const setting = settings.find(setting => setting.key === key)
  if (setting?.secret) return `${key}: another one`
  const before = setting?.value
  return `${key}: ${before ?? 'not set'} → ${value ?? 'not set'}`
})

/**
 * Errors to the fields that they name; the rest belongs to the form.
 * @param {string[]} errors @param {string[]} keys
 */
export function errorsByField (errors, keys) {
  /** @type {Map<string, string>} */
  const fields = new Map()
  const rest = []
  // The longest first: `limits.origins_max` is part of no other, but `origin` is of `origin_denied`.
  const known = [...keys].sort((a, b) => b.length - a.length)
  for (const error of errors) {
    const named = known.filter(key => new RegExp(`(^|[^a-z0-9_.])${key.replaceAll('.', '\\.')}($|[^a-z0-9_])`).test(error))
    if (named.length === 0) rest.push(error)
    for (const key of named) fields.set(key, [fields.get(key), error].filter(Boolean).join(' '))
  }
  return { fields, rest }
}
