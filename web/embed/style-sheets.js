// @ts-check
// The style sheets of the element, by path. Each is a link in its shadow root, which a strict content security policy
// allows.

export const DARK_SHEET = '../common/style/tokens-dark.css'
export const START_SHEETS = [
  './style/host.css',
  '../common/style/tokens.css',
  DARK_SHEET,
  '../common/style/controls.css',
  '../share/style/start.css'
]
/** Of the options of the start view, which are loaded when they are opened. */
export const OPTIONS_SHEET = '../share/style/options.css'
/** The sheets of what is loaded on first use. */
export const VIEW_SHEETS = ['../common/style/feedback.css', '../share/style/share.css', OPTIONS_SHEET]

/**
 * Adds a style sheet. Resolves when it has loaded or failed: a missing sheet must not hide the content for ever.
 * @param {ShadowRoot} root @param {string} path @param {HTMLLinkElement} [link]
 */
export function loadSheet(root, path, link = document.createElement('link')) {
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
