// @ts-check
// <swarm-text-form>: shares a text as a file. Fires `share-files`. The start view loads it when the user opens it or pastes
// a text.

import { button, define, emit, h } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { TEXT_FORM } from '../lib/start-texts.js'
import { textFile } from '../lib/text-share.js'

export class SwarmTextForm extends SwarmElement {
  #field = h('textarea', {
    id: 'share-text',
    class: 'text-field',
    rows: 6,
    required: true,
    'aria-describedby': 'share-text-hint'
  })
  #share = button(TEXT_FORM.share, () => this.#submit(), { icon: 'share', kind: 'primary', id: 'share-text' })

  /** @override */
  build() {
    this.append(
      h('label', { for: 'share-text' }, TEXT_FORM.label),
      this.#field,
      h('p', { id: 'share-text-hint', class: 'hint' }, TEXT_FORM.hint),
      this.#share
    )
  }

  /** @param {boolean} isBlocked whether the user cannot share */
  block(isBlocked) {
    this.#field.disabled = this.#share.disabled = isBlocked
  }

  /** Shows a pasted text, which the user can change before it is shared. @param {string} text */
  show(text) {
    this.#field.value = text
    this.#field.focus()
  }

  #submit() {
    if (!this.#field.reportValidity()) return
    emit(this, 'share-files', [textFile(this.#field.value)])
    this.#field.value = ''
  }
}

define('swarm-text-form', SwarmTextForm)
