// @ts-check
// <swarm-password>: asks a receiver for the password of a share. Fires `share-password` with the text.

import { button, define, emit, h, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { t } from '../../common/words.js'

const wrongText = () => t('This password does not fit. Check it, or ask the sender.')

export class SwarmPassword extends SwarmElement {
  #field = h('input', {
    type: 'password',
    id: 'receiver-password',
    class: 'text-field',
    autocomplete: 'off',
    spellcheck: 'false',
    required: true,
    'aria-describedby': 'password-state'
  })
  #state = h('p', { id: 'password-state', class: 'hint', role: 'alert' })
  #open = button(
    () => t('Open'),
    () => this.#submit(),
    { icon: 'open', kind: 'primary', id: 'unlock' }
  )
  /** Whether a password is being tried. */
  #isTrying = false

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
        h('label', { for: 'receiver-password' }, () => t('Password')),
        h('div', { class: 'link-row' }, this.#field, this.#open),
        this.#state
      )
    )
  }

  /** Shows the result of the last password. @param {boolean} isWrong */
  settle(isWrong) {
    this.#isTrying = false
    this.#open.disabled = false
    setText(this.#state, isWrong ? wrongText() : '')
    this.#field.setAttribute('aria-invalid', String(isWrong))
    if (isWrong) this.#field.select()
    else this.#field.value = ''
  }

  #submit() {
    if (this.#isTrying || !this.#field.reportValidity()) return
    this.#isTrying = true
    this.#open.disabled = true
    setText(this.#state, '')
    emit(this, 'share-password', this.#field.value)
  }
}

define('swarm-password', SwarmPassword)
