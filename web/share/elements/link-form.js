// @ts-check
// <swarm-link-form>: opens a link, a magnet link or an info-hash. Fires `share-open` with the fragment of the link. The
// start view loads it when the user opens it.

import { button, define, emit, h, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { parsePasted } from '../lib/link.js'
import { LINK_FORM } from '../lib/start-texts.js'

export class SwarmLinkForm extends SwarmElement {
  #field = h('input', {
    id: 'open-link',
    class: 'text-field',
    // Not `url`: an info-hash is none.
    type: 'text',
    inputmode: 'url',
    autocomplete: 'off',
    autocapitalize: 'off',
    spellcheck: 'false',
    required: true,
    'aria-describedby': 'open-link-state',
    oninput: () => this.#tell('')
  })
  #state = h('p', { id: 'open-link-state', class: 'hint', role: 'alert' })

  /** @override */
  build() {
    this.append(
      h(
        'form',
        {
          class: 'password-form',
          onsubmit: event => {
            event.preventDefault()
            this.#submit()
          }
        },
        h('label', { for: 'open-link' }, LINK_FORM.label),
        h(
          'div',
          { class: 'link-row' },
          this.#field,
          button(LINK_FORM.open, () => this.#submit(), { icon: 'open', kind: 'primary', id: 'open-link' })
        ),
        this.#state
      )
    )
  }

  /** Links open also where the user cannot share. */
  block() {}

  #submit() {
    if (!this.#field.reportValidity()) return
    const link = parsePasted(this.#field.value.trim())
    if (link.kind !== 'share') {
      this.#tell(LINK_FORM.broken())
      this.#field.select()
      return
    }
    this.#field.value = ''
    emit(this, 'share-open', link.address)
  }

  /** @param {string} text about an error; empty: there is none */
  #tell(text) {
    setText(this.#state, text)
    this.#field.setAttribute('aria-invalid', String(text !== ''))
  }
}

define('swarm-link-form', SwarmLinkForm)
