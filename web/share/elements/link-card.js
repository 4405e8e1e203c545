// @ts-check
// <swarm-link>: the link of a share, to be copied, handed to the system's share sheet, or scanned. It is
// given the link; it makes none.

import { generate } from '../../vendor/lean-qr/lean-qr.js'
import { button, define, h, s, setText } from './dom.js'

const COPIED_MS = 2500
/** Empty border around a QR code that scanners need, in modules. */
const QUIET = 4

export class SwarmLink extends HTMLElement {
  #link = ''
  #field = h('input', { class: 'link-field', readonly: true, 'aria-label': 'Link to this share', spellcheck: 'false', onfocus: () => this.#field.select() })
  #copy = button('Copy link', () => this.#copyLink(), { icon: 'copy', kind: 'primary', id: 'copy' })
  #status = h('span', { role: 'status', class: 'link-status' })
  #code = h('div', { class: 'qr' })

  connectedCallback () {
    if (this.firstChild) return
    const sheet = typeof navigator.share === 'function'
      ? button('Share…', () => this.#openSheet(), { icon: 'share', id: 'sheet' })
      : null
    this.append(
      h('div', { class: 'link-row' }, this.#field, this.#copy, sheet),
      this.#status,
      h('div', { class: 'qr-row' }, this.#code, h('p', { class: 'hint' }, 'Scan this with a phone, or send the link. It works as long as this page stays open, or anybody else who has the files keeps theirs open.'))
    )
  }

  /** @param {string} link */
  set link (link) {
    if (link === this.#link) return
    this.#link = link
    this.#field.value = link
    this.#code.replaceChildren(qrPicture(link))
  }

  async #copyLink () {
    try {
      await navigator.clipboard.writeText(this.#link)
      this.#say('Link copied')
    } catch {
      this.#field.focus()
      this.#field.select()
      this.#say('Copying is not allowed here: the link is selected, copy it with the keyboard')
    }
  }

  async #openSheet () {
    try {
      await navigator.share({ url: this.#link })
    } catch (error) {
      // Closing the sheet is no failure.
      if (/** @type {Error} */ (error).name !== 'AbortError') this.#say('The system’s share sheet did not open; copy the link instead')
    }
  }

  /** @param {string} text */
  #say (text) {
    setText(this.#status, text)
    setTimeout(() => { if (this.#status.textContent === text) setText(this.#status, '') }, COPIED_MS)
  }
}

/** @param {string} text */
function qrPicture (text) {
  const code = generate(text)
  let path = ''
  for (let y = 0; y < code.size; y++) {
    for (let x = 0; x < code.size; x++) if (code.get(x, y)) path += `M${x} ${y}h1v1h-1z`
  }
  const size = code.size + 2 * QUIET
  return s('svg', { viewBox: `${-QUIET} ${-QUIET} ${size} ${size}`, role: 'img', 'aria-label': 'QR code of the link', 'shape-rendering': 'crispEdges' },
    s('path', { d: path }))
}

define('swarm-link', SwarmLink)
