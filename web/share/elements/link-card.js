// @ts-check
// <swarm-link>: the link of a share, to copy, to share with the system's share sheet, or to scan. If it works on this
// machine only, the element explains this and shows links for other machines.

import { button, define, h, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { qrPicture } from '../../common/qr-code.js'
import { t, words } from '../../common/words.js'

const COPIED_MS = 2500

const scanHint = () =>
  t(
    'Scan this with a phone, or send the link. It works while this page, or the page of another person who has the files, is open.'
  )

export class SwarmLink extends SwarmElement {
  #link = ''
  #others = ''
  /** The words at the last drawing. */
  #words = words
  #field = h('input', {
    class: 'link-field',
    part: 'link-field',
    readonly: true,
    'aria-label': () => t('Link to this share'),
    spellcheck: 'false',
    onfocus: () => this.#field.select()
  })
  #copy = button(
    () => t('Copy link'),
    () => this.#copyLink(),
    { icon: 'copy', kind: 'primary', id: 'copy' }
  )
  #status = h('span', { role: 'status', class: 'link-status' })
  #code = h('div', { class: 'qr' })
  #hint = h('p', { class: 'hint' })
  #scan = h('div', { class: 'qr-row' }, this.#code, this.#hint)
  #note = h('div', { class: 'notice info', hidden: true })

  /** @override */
  build() {
    const sheet =
      typeof navigator.share === 'function'
        ? button(
            () => t('Share…'),
            () => this.#openSheet(),
            { icon: 'share', id: 'sheet' }
          )
        : null
    this.append(h('div', { class: 'link-row' }, this.#field, this.#copy, sheet), this.#status, this.#note, this.#scan)
  }

  /** @param {string} link @param {import('../lib/reach.js').Reach} reach where it works */
  update(link, { isLocal, others, text, hint }) {
    const shown = others.join(' ')
    if (link === this.#link && shown === this.#others && words === this.#words) return
    this.#words = words
    this.#link = link
    this.#others = shown
    this.#field.value = link
    // Another machine scans the code, and a local link does not work there.
    this.#scan.hidden = isLocal && others.length === 0
    this.#code.replaceChildren(qrPicture(others[0] ?? link, t('QR code of the link')))
    setText(this.#hint, isLocal ? hint : scanHint())
    this.#note.hidden = !isLocal
    this.#note.replaceChildren(
      ...(isLocal
        ? [
            h('h2', { class: 'notice-title' }, t('This link works on this machine only')),
            h('p', {}, text),
            ...others.map(other => this.#other(other))
          ]
        : [])
    )
  }

  /** A link for other machines, with a copy button. @param {string} link */
  #other(link) {
    return h(
      'div',
      { class: 'link-row' },
      h('input', {
        class: 'link-field',
        part: 'link-field',
        readonly: true,
        value: link,
        'aria-label': t('Link for other machines'),
        spellcheck: 'false',
        onfocus: event => event.target.select()
      }),
      button(t('Copy'), () => this.#copyLink(link), {
        icon: 'copy',
        name: t('Copy {name}', { name: new URL(link).host }),
        id: 'copy-other'
      })
    )
  }

  async #copyLink(link = this.#link) {
    try {
      await navigator.clipboard.writeText(link)
      this.#showStatus(t('Link copied'))
    } catch {
      this.#field.focus()
      this.#field.select()
      this.#showStatus(t('The browser does not allow copying. The link is selected: copy it with the keyboard'))
    }
  }

  async #openSheet() {
    try {
      await navigator.share({ url: this.#link })
    } catch (error) {
      // A closed share sheet is no error.
      if (/** @type {Error} */ (error).name !== 'AbortError')
        this.#showStatus(t('The system’s share sheet did not open; copy the link instead'))
    }
  }

  /** @param {string} text */
  #showStatus(text) {
    setText(this.#status, text)
    setTimeout(() => {
      if (this.#status.textContent === text) setText(this.#status, '')
    }, COPIED_MS)
  }
}

define('swarm-link', SwarmLink)
