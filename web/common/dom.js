// @ts-check
// Helpers that create elements. They insert text as text nodes and never parse HTML, so untrusted names cannot become
// markup.

/**
 * Creates an HTML element. Functions become listeners; their names start with `on`. `true` becomes an empty attribute.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string | number | boolean | null | undefined | ((event: any) => void)>} [properties]
 * @param {...(Node | string | null | undefined)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value)
    else if (value === true) element.setAttribute(name, '')
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value))
  }
  element.append(...children.filter(child => child !== null && child !== undefined))
  return element
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

/** Sets a text if it differs. An equal text is not painted or read again. @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}

/** Registers a custom element, unless another copy of this script has. @param {string} name @param {CustomElementConstructor} element */
export function define(name, element) {
  if (!customElements.get(name)) customElements.define(name, element)
}

/** Fires an event that bubbles, also out of a shadow root. @param {Element} from @param {string} type @param {unknown} [detail] */
export function emit(from, type, detail) {
  from.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }))
}

/** Paths of icons, 24 by 24, drawn as lines. @type {Record<string, string>} */
const ICONS = {
  arrowUp: 'M12 19V5M6 11l6-6 6 6',
  arrowDown: 'M12 5v14M6 13l6 6 6-6',
  copy: 'M9 9h10v11H9zM5 15V4h10',
  file: 'M7 3h7l4 4v14H7zM14 3v4h4',
  folder: 'M3 6h6l2 2h10v11H3z',
  open: 'M2 12s3.5-6.5 10-6.5S22 12 22 12s-3.5 6.5-10 6.5S2 12 2 12zM12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z',
  people:
    'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c0-3.6 2.9-6 6.5-6s6.5 2.4 6.5 6M16 4.3a3.5 3.5 0 0 1 0 6.4M18 14.6c2.1.8 3.5 2.7 3.5 5.4',
  save: 'M12 4v11M7 10.5l5 5 5-5M4.5 20h15',
  share: 'M12 15V3M7.5 7L12 2.8 16.5 7M6 11H4.5v10h15V11H18',
  stop: 'M7 7h10v10H7z',
  clock: 'M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 7.5V12l3 2',
  close: 'M6 6l12 12M18 6L6 18'
}

/** A decorative icon; the text beside it or the button's label says what it means. @param {string} name */
export const icon = name =>
  s(
    'svg',
    { viewBox: '0 0 24 24', class: 'icon', 'aria-hidden': 'true', focusable: 'false' },
    s('path', { d: ICONS[name] ?? '' })
  )

/**
 * @param {string} label @param {(event: Event) => void} onclick
 * @param {{ icon?: string, kind?: 'primary' | 'quiet' | 'danger', name?: string, id?: string }} [look] `name`: a fuller name for screen readers
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
