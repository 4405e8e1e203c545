// @ts-check
// Values that contain texts, such as notices, and are kept for longer than the language of the page. It uses no DOM.

import { words } from '../../common/words.js'

/**
 * Returns a function that returns the value, and makes it again only after a change of the language.
 * @template T @param {() => T} make @returns {() => T}
 */
export function worded(make) {
  let [value, madeIn] = [make(), words]
  return () => {
    if (madeIn !== words) [value, madeIn] = [make(), words]
    return value
  }
}
