// @ts-check
// Helpers that create elements. They never parse HTML, so untrusted names cannot become markup.

/** A function returns a text that follows the language. @typedef {string | (() => string)} Label */

/** What sets the labels of a node again: embed/language.js. @type {WeakMap<Node, (() => void)[]>} */
export const followers = new WeakMap()

/**
 * Creates an HTML element. Listeners have names with `on`; other functions are labels. `true` becomes an empty attribute.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string | number | boolean | null | undefined | ((event?: any) => any)>} [properties]
 * @param {...(Node | Label | null | undefined)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === 'function' && name.startsWith('on')) element.addEventListener(name.slice(2), value)
    else if (typeof value === 'function') follow(element, () => element.setAttribute(name, value()))
    else if (value === true) element.setAttribute(name, '')
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value))
  }
  for (const child of children) {
    if (typeof child === 'function') {
      const text = element.appendChild(new Text())
      follow(text, () => {
        text.data = child()
      })
    } else if (child !== null && child !== undefined) element.append(child)
  }
  return element
}

/** @param {Node} node @param {() => void} set */
function follow(node, set) {
  set()
  followers.set(node, [...(followers.get(node) ?? []), set])
}

/**
 * Creates an SVG element.
 * @param {string} tag @param {Record<string, string | number>} [attributes] @param {...Node} children
 */
export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
  element.append(...children)
  return element
}

/** Does not paint or read an equal text again. @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}

/** Defines an element, unless another copy of this script has. @param {string} name @param {CustomElementConstructor} element */
export function define(name, element) {
  if (!customElements.get(name)) customElements.define(name, element)
}

/** Fires an event that bubbles, also out of a shadow root. @param {Element} from @param {string} type @param {unknown} [detail] */
export function emit(from, type, detail) {
  from.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }))
}

/** Paths of the icons of the start view, 24 by 24; icons.js adds others. @type {Record<string, string>} */
export const ICONS = {
  arrowUp: 'M12 19V5M6 11l6-6 6 6',
  file: 'M7 3h7l4 4v14H7zM14 3v4h4',
  folder: 'M3 6h6l2 2h10v11H3z'
}

/** A decorative icon; a text beside it says what it means. @param {string} name */
export const icon = name =>
  s(
    'svg',
    { viewBox: '0 0 24 24', class: 'icon', 'aria-hidden': 'true', focusable: 'false' },
    s('path', { d: ICONS[name] ?? '' })
  )

/**
 * @param {Label} label @param {(event: Event) => void} onclick
 * @param {{ icon?: string, kind?: 'primary' | 'quiet' | 'danger', name?: Label, id?: string }} [look] `name`: a fuller name for screen readers
 */
export const button = (label, onclick, look = {}) =>
  h(
    'button',
    {
      type: 'button',
      class: look.kind ? `button ${look.kind}` : 'button',
      part: look.kind === 'primary' ? 'button primary-button' : 'button',
      'aria-label': look.name,
      'data-action': look.id,
      onclick
    },
    look.icon ? icon(look.icon) : null,
    h('span', {}, label)
  )
