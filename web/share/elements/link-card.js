// @ts-check
// <swarm-link>: the link of a share, to be copied, handed to the system's share sheet, or scanned. Where it works on this
// machine only, it says so and has the link for others beside it. It is given the links; it makes none.

import { button, define, h, s, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { generate } from '../../vendor/lean-qr/lean-qr.js'

const COPIED_MS = 2500
/** Empty border around a QR code that scanners need, in modules. */
const QUIET = 4

const SCAN =
  'Scan this with a phone, or send the link. It works as long as this page stays open, or anybody else who has the files keeps theirs open.'

export class SwarmLink extends SwarmElement {
  #link = ''
  #others = ''
  #field = h('input', {
    class: 'link-field',
    readonly: true,
    'aria-label': 'Link to this share',
    spellcheck: 'false',
    onfocus: () => this.#field.select()
  })
  #copy = button('Copy link', () => this.#copyLink(), { icon: 'copy', kind: 'primary', id: 'copy' })
  #status = h('span', { role: 'status', class: 'link-status' })
  #code = h('div', { class: 'qr' })
  #hint = h('p', { class: 'hint' }, SCAN)
  #scan = h('div', { class: 'qr-row' }, this.#code, this.#hint)
  #note = h('div', { class: 'notice info', hidden: true })

  /** @override */
  build() {
    const sheet =
      typeof navigator.share === 'function'
        ? button('Share…', () => this.#openSheet(), { icon: 'share', id: 'sheet' })
        : null
    this.append(h('div', { class: 'link-row' }, this.#field, this.#copy, sheet), this.#status, this.#note, this.#scan)
  }

  /** @param {string} link @param {import('../lib/reach.js').Reach} reach where it works */
  update(link, { isLocal, others, text, hint }) {
    const shown = others.join(' ')
    if (link === this.#link && shown === this.#others) return
    this.#link = link
    this.#others = shown
    this.#field.value = link
    // What is scanned is scanned by another machine, where a local link leads nowhere.
    this.#scan.hidden = isLocal && others.length === 0
    this.#code.replaceChildren(qrPicture(others[0] ?? link))
    setText(this.#hint, isLocal ? hint : SCAN)
    this.#note.hidden = !isLocal
    this.#note.replaceChildren(
      ...(isLocal
        ? [
            h('h2', { class: 'notice-title' }, 'This link works on this machine only'),
            h('p', {}, text),
            ...others.map(other => this.#other(other))
          ]
        : [])
    )
  }

  /** A link for other machines, to be copied. @param {string} link */
  #other(link) {
    return h(
      'div',
      { class: 'link-row' },
      h('input', {
        class: 'link-field',
        readonly: true,
        value: link,
        'aria-label': 'Link for other machines',
        spellcheck: 'false',
        onfocus: event => event.target.select()
      }),
      button('Copy', () => this.#copyLink(link), { icon: 'copy', name: `Copy ${new URL(link).host}`, id: 'copy-other' })
    )
  }

  async #copyLink(link = this.#link) {
    try {
      await navigator.clipboard.writeText(link)
      this.#say('Link copied')
    } catch {
      this.#field.focus()
      this.#field.select()
      this.#say('Copying is not allowed here: the link is selected, copy it with the keyboard')
    }
  }

  async #openSheet() {
    try {
      await navigator.share({ url: this.#link })
    } catch (error) {
      // Closing the sheet is no failure.
      if (/** @type {Error} */ (error).name !== 'AbortError')
        this.#say('The system’s share sheet did not open; copy the link instead')
    }
  }

  /** @param {string} text */
  #say(text) {
    setText(this.#status, text)
    setTimeout(() => {
      if (this.#status.textContent === text) setText(this.#status, '')
    }, COPIED_MS)
  }
}

/** @param {string} text */
function qrPicture(text) {
  const code = generate(text)
  let path = ''
  for (let y = 0; y < code.size; y++) {
    for (let x = 0; x < code.size; x++) if (code.get(x, y)) path += `M${x} ${y}h1v1h-1z`
  }
  const size = code.size + 2 * QUIET
  return s(
    'svg',
    {
      viewBox: `${-QUIET} ${-QUIET} ${size} ${size}`,
      role: 'img',
      'aria-label': 'QR code of the link',
      'shape-rendering': 'crispEdges'
    },
    s('path', { d: path })
  )
}

define('swarm-link', SwarmLink)
