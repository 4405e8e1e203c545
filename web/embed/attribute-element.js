// @ts-check
// The attributes of the element as properties, as docs/embed.md describes them.

import { SwarmElement } from '../common/element.js'
import { ATTRIBUTES, isWrong } from './attribute-values.js'

export class AttributeElement extends SwarmElement {
  static observedAttributes = [...Object.keys(ATTRIBUTES), 'accept', 'disabled', 'lang', 'name', 'preload']

  /** Empty: the server of the script. */
  get tracker() {
    return this.#text('tracker')
  }
  set tracker(value) {
    this.#set('tracker', value)
  }

  /** Address of the ICE settings. Empty: the server of the script. */
  get ice() {
    return this.#text('ice')
  }
  set ice(value) {
    this.#set('ice', value)
  }

  /** Address of the service worker. */
  get worker() {
    return this.#text('worker')
  }
  set worker(value) {
    this.#set('worker', value)
  }

  /** Empty: the page. */
  get linkBase() {
    return this.#text('link-base')
  }
  set linkBase(value) {
    this.#set('link-base', value)
  }

  /** As in a file input. Empty: all. */
  get accept() {
    return this.#text('accept')
  }
  set accept(value) {
    this.#set('accept', value)
  }

  /** The name of the form entry. */
  get name() {
    return this.#text('name')
  }
  set name(value) {
    this.#set('name', value)
  }

  /** On by default. */
  get multiple() {
    return this.getAttribute('multiple') !== 'false'
  }
  set multiple(value) {
    // Frameworks set undefined or the text.
    this.#set('multiple', String(value) === 'false' ? 'false' : null)
  }

  /** Bytes of one file; null: no limit. @returns {number | null} */
  get maxFileSize() {
    return /** @type {number | null} */ (this.#value('max-file-size'))
  }
  set maxFileSize(/** @type {number | string | null} */ value) {
    this.#set('max-file-size', value)
  }

  /** Bytes of all files; null: no limit. @returns {number | null} */
  get maxTotalSize() {
    return /** @type {number | null} */ (this.#value('max-total-size'))
  }
  set maxTotalSize(/** @type {number | string | null} */ value) {
    this.#set('max-total-size', value)
  }

  /** Number of files; null: no limit. @returns {number | null} */
  get maxFiles() {
    return /** @type {number | null} */ (this.#value('max-files'))
  }
  set maxFiles(/** @type {number | string | null} */ value) {
    this.#set('max-files', value)
  }

  get disabled() {
    return this.hasAttribute('disabled')
  }
  set disabled(value) {
    this.toggleAttribute('disabled', Boolean(value))
  }

  /** Whether everything is loaded at once. */
  get preload() {
    return this.hasAttribute('preload')
  }
  set preload(value) {
    this.toggleAttribute('preload', Boolean(value))
  }

  /** `on` or `off`. */
  get encryption() {
    return String(this.#value('encryption') ?? 'on')
  }
  set encryption(value) {
    this.#set('encryption', value)
  }

  /** `fragment`, `manual` or `none`. */
  get link() {
    return String(this.#value('link') ?? 'fragment')
  }
  set link(value) {
    this.#set('link', value)
  }

  /** `element` or `page`. */
  get drop() {
    return String(this.#value('drop') ?? 'element')
  }
  set drop(value) {
    this.#set('drop', value)
  }

  /** `auto`, `light` or `dark`. */
  get theme() {
    return String(this.#value('theme') ?? 'auto')
  }
  set theme(value) {
    this.#set('theme', value)
  }

  /** @param {string} name @param {string | null} _old @param {string | null} text */
  attributeChangedCallback(name, _old, text) {
    const page = document.baseURI
    if (text === null || !isWrong(name, text, page)) return
    // Without the texts there is no warning.
    import('./attribute-problems.js').then(
      ({ problemOf }) => console.warn(problemOf(name, text, page)),
      () => {}
    )
  }

  /** Passes properties that were set before the element was defined to their setters. */
  adoptProperties() {
    for (const name of Object.keys(this)) {
      if (!(name in Object.getPrototypeOf(this))) continue
      const value = Reflect.get(this, name)
      Reflect.deleteProperty(this, name)
      Reflect.set(this, name, value)
    }
  }

  /** @param {string} name */
  #text(name) {
    const text = this.getAttribute(name) ?? ''
    return text && name in ATTRIBUTES ? String(this.#value(name) ?? '') : text
  }

  /** Null if the attribute is missing or wrong. @param {string} name */
  #value(name) {
    const text = this.getAttribute(name)
    return text === null ? null : (ATTRIBUTES[name]?.(text, document.baseURI) ?? null)
  }

  /** @param {string} name @param {string | number | null} value */
  #set(name, value) {
    if (value === null || value === undefined) this.removeAttribute(name)
    else this.setAttribute(name, String(value))
  }
}
