// @ts-check
// Replaces the functions of embed/style-sheets.js in the npm package. Bundlers do not follow the addresses of style sheets,
// so the texts are part of the script here. Constructable style sheets need no source in a content security policy.

/** The style sheets by path, as in embed/style-sheets.js. pack.mjs inserts them. @type {Record<string, string>} */
const TEXTS = {}

/** The paths that a root has. @type {WeakMap<ShadowRoot, Set<string>>} */
const added = new WeakMap()

/** Returns a style sheet for `loadSheet`, so that its `media` can be changed. */
export const newSheet = () => new TextSheet()

/**
 * Adds a style sheet. Resolves at once.
 * @param {ShadowRoot} root @param {string} path @param {TextSheet} [sheet] from `newSheet`
 */
export async function loadSheet(root, path, sheet = newSheet()) {
  const paths = added.get(root) ?? new Set()
  if (paths.has(path)) return
  added.set(root, paths.add(path))
  sheet.addTo(root, TEXTS[path] ?? '')
}

/** A style sheet with a `media`, like a link. Not all browsers apply a changed `media` of a constructable style sheet. */
class TextSheet {
  #text = ''
  #media = 'all'
  /** @type {CSSStyleSheet | null} */
  #sheet = null

  get media() {
    return this.#media
  }
  set media(media) {
    if (media === this.#media) return
    this.#media = media
    this.#fill()
  }

  /** @param {ShadowRoot} root @param {string} text */
  addTo(root, text) {
    // It can be used only in the document that has created it, and the element can be in another window.
    const { CSSStyleSheet } = root.ownerDocument.defaultView ?? window
    this.#sheet = new CSSStyleSheet()
    this.#text = text
    this.#fill()
    root.adoptedStyleSheets.push(this.#sheet)
  }

  #fill() {
    this.#sheet?.replaceSync(`@media ${this.#media} {\n${this.#text}}`)
  }
}
