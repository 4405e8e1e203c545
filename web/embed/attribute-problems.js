// @ts-check
// Texts of the warnings about wrong attributes. The element loads them when there is something to warn about. It uses no DOM.

import { isWrong } from './attribute-values.js'

/** The values that an attribute takes. @type {Record<string, string>} */
export const WANTED = {
  tracker: 'an address that begins with wss:// or https://',
  ice: 'an address',
  worker: 'an address',
  'link-base': 'an address',
  'max-file-size': 'a size such as 5MB',
  'max-total-size': 'a size such as 5MB',
  'max-files': 'a number from 1',
  multiple: '"true" or "false"',
  encryption: '"on" or "off"',
  link: '"fragment", "manual" or "none"',
  drop: '"element" or "page"',
  theme: '"auto", "light" or "dark"'
}

/** Returns the text of the warning about a wrong value, or null. @param {string} name @param {string} text @param {string} page */
export const problemOf = (name, text, page) =>
  isWrong(name, text, page)
    ? `<swarm-share>: the attribute ${name}="${text}" is ignored: it must be ${WANTED[name]}.`
    : null
