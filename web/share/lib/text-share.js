// @ts-check
// A text that is shared as a file, and what the user wants with a pasted text. It uses no DOM.

import { parsePasted } from './link.js'
import { TEXT_BYTES_MAX } from './media.js'

/** @typedef {import('../core/engine.js').Chosen} Chosen */

const TEXT_NAME = 'text.txt'
/** The name that browsers give to a picture of the clipboard. */
const PICTURE_NAME = 'image.png'

/** @param {string} text @returns {Chosen} */
export const textFile = text => ({ file: new File([text], TEXT_NAME, { type: 'text/plain' }), path: TEXT_NAME })

/** Whether a share is one text, which receivers read in the page. @param {{ name: string, size: number }[]} files */
export const isTextShare = ([only, ...others]) =>
  only !== undefined && others.length === 0 && only.name === TEXT_NAME && only.size > 0 && only.size <= TEXT_BYTES_MAX

/**
 * Decides what is pasted. Files come before their names, which some systems add as a text. A text comes before its picture,
 * which office programs add.
 * @param {Chosen[]} files @param {string} text @param {boolean} opensLinks
 * @returns {{ files: Chosen[] } | { address: string } | { text: string } | null} `address`: the fragment of a link
 */
export function pasted(files, text, opensLinks) {
  const words = text.trim()
  const isPictureOfText = words !== '' && words !== PICTURE_NAME && files.every(({ path }) => path === PICTURE_NAME)
  if (files.length && !isPictureOfText) return { files }
  if (!words) return null
  const link = opensLinks && !/\s/.test(words) ? parsePasted(words) : null
  return link?.kind === 'share' ? { address: link.address } : { text }
}
