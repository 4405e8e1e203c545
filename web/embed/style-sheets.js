// @ts-check
// The style sheets of the elements, by path, as links, which a strict policy allows. The npm package has sheet-loader.js.

export const DARK_SHEET = '../common/style/tokens-dark.css'
export const START_SHEETS = [
  './style/host.css',
  '../common/style/tokens.css',
  DARK_SHEET,
  '../common/style/controls.css',
  '../share/style/start.css'
]
/** Loaded when the options are opened. */
export const OPTIONS_SHEET = '../share/style/options.css'
/** Loaded on first use. */
export const VIEW_SHEETS = [
  '../common/style/cards.css',
  '../common/style/feedback.css',
  '../share/style/share.css',
  OPTIONS_SHEET
]

/** For a `media` that changes. */
export const newSheet = () => document.createElement('link')

/**
 * Adds a style sheet. Resolves also when it has failed, which must not hide the content.
 * @param {ShadowRoot} root @param {string} path @param {HTMLLinkElement} [link]
 */
export function loadSheet(root, path, link = newSheet()) {
  const { href } = new URL(path, import.meta.url)
  if ([...root.querySelectorAll('link')].some(known => known.href === href)) return Promise.resolve()
  const loaded = new Promise(resolve => {
    link.addEventListener('load', resolve)
    link.addEventListener('error', resolve)
  })
  link.rel = 'stylesheet'
  link.href = href
  const last = [...root.querySelectorAll('link')].at(-1)
  if (last) last.after(link)
  else root.prepend(link)
  return loaded
}
