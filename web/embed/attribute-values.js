// @ts-check
// Parses the attributes of the element. A wrong value is ignored: attribute-problems.js warns about it. It uses no DOM.

/** Parses a size such as `5MB`, `1.5 GiB` or `1024`. @param {string} text @returns {number | null} bytes */
export function parseBytes(text) {
  const [, amount, prefix = '', binary] = /^\s*(\d+(?:\.\d+)?)\s*(?:(?:([kmgt])(i?))?b)?\s*$/i.exec(text) ?? []
  const power = prefix ? 'kmgt'.indexOf(prefix.toLowerCase()) + 1 : 0
  return amount ? Math.floor(Number(amount) * (binary ? 1024 : 1000) ** power) : null
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

/** The parsers of the attributes whose value can be wrong. @type {Record<string, (text: string, page: string) => string | number | null>} */
export const ATTRIBUTES = {
  tracker: parseTracker,
  ice: parseAddress,
  worker: parseAddress,
  'link-base': parseAddress,
  'max-file-size': parseBytes,
  'max-total-size': parseBytes,
  'max-files': parseCount,
  multiple: oneOf('', 'true', 'false'),
  encryption: oneOf('on', 'off'),
  link: oneOf('fragment', 'manual', 'none'),
  drop: oneOf('element', 'page'),
  theme: oneOf('auto', 'light', 'dark')
}

/** Whether a value is ignored. @param {string} name @param {string} text @param {string} page */
export const isWrong = (name, text, page) => ATTRIBUTES[name]?.(text, page) === null
