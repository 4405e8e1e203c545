// @ts-check
// Parses the attributes of the element. A wrong value is ignored, and the element warns about it. It uses no DOM.

/** @type {Record<string, number>} */
const UNITS = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40
}

/** Parses a size such as `5MB`, `1.5 GiB` or `1024`. @param {string} text @returns {number | null} bytes */
export function parseBytes(text) {
  const [, amount = '', unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? []
  const factor = UNITS[unit.toLowerCase()]
  return amount && factor ? Math.floor(Number(amount) * factor) : null
}

/** @param {string} text @returns {number | null} */
export const parseCount = text => (/^\s*[1-9]\d{0,8}\s*$/.test(text) ? Number(text) : null)

/** Parses an address, which may be relative to the page. @param {string} text @param {string} page @returns {string | null} */
export function parseAddress(text, page) {
  const url = URL.canParse(text, page) ? new URL(text, page) : null
  return url && /^https?:$/.test(url.protocol) ? url.href : null
}

/** Parses the address of a tracker. `https:` means `wss:`. @param {string} text @param {string} page @returns {string | null} */
export function parseTracker(text, page) {
  const url = URL.canParse(text, page) ? new URL(text, page) : null
  if (!text || !url || !/^(http|ws)s?:$/.test(url.protocol)) return null
  url.protocol = url.protocol.replace('http', 'ws')
  return url.href
}

/** @param {...string} words */
const oneOf =
  (...words) =>
  (/** @type {string} */ text) =>
    words.includes(text) ? text : null

/**
 * The attributes whose value can be wrong, each with its parser and the values that it takes.
 * @type {Record<string, [(text: string, page: string) => string | number | null, string]>}
 */
export const ATTRIBUTES = {
  tracker: [parseTracker, 'an address that begins with wss:// or https://'],
  ice: [parseAddress, 'an address'],
  worker: [parseAddress, 'an address'],
  'link-base': [parseAddress, 'an address'],
  'max-file-size': [parseBytes, 'a size such as 5MB'],
  'max-total-size': [parseBytes, 'a size such as 5MB'],
  'max-files': [parseCount, 'a number from 1'],
  multiple: [oneOf('', 'true', 'false'), '"true" or "false"'],
  encryption: [oneOf('on', 'off'), '"on" or "off"'],
  link: [oneOf('fragment', 'manual', 'none'), '"fragment", "manual" or "none"'],
  drop: [oneOf('element', 'page'), '"element" or "page"'],
  theme: [oneOf('auto', 'light', 'dark'), '"auto", "light" or "dark"']
}

/** Returns the text of the warning about a wrong value, or null. @param {string} name @param {string} text @param {string} page */
export function problemOf(name, text, page) {
  const [parse, wanted] = ATTRIBUTES[name] ?? []
  if (!parse || parse(text, page) !== null) return null
  return `<swarm-share>: the attribute ${name}="${text}" is ignored: it must be ${wanted}.`
}
