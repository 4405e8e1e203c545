// @ts-check
// Asks for the address of the developer's own page, and says whether the tracker serves it.

import { button, h } from '../../common/dom.js'
import { checkPage, pageOf } from '../lib/page-check.js'
import { OutcomeText } from './outcome-text.js'

export class PageForm {
  #of
  #outcome = new OutcomeText('')
  #field = h('input', {
    id: 'own-page',
    class: 'text-field',
    // Not `url`: a host alone will do.
    type: 'text',
    inputmode: 'url',
    autocomplete: 'off',
    autocapitalize: 'off',
    spellcheck: 'false',
    required: true,
    placeholder: 'https://shop.example',
    'aria-describedby': 'own-page-state'
  })

  /** @param {import('../lib/snippets.js').Server} of */
  constructor(of) {
    this.#of = of
    this.#outcome.element.id = 'own-page-state'
    this.#outcome.element.setAttribute('role', 'status')
    this.element = h(
      'form',
      {
        class: 'own-page',
        onsubmit: event => {
          event.preventDefault()
          this.#submit()
        }
      },
      h('label', { for: 'own-page' }, 'Address of your page'),
      h(
        'div',
        { class: 'link-row' },
        this.#field,
        button('Check', () => this.#submit(), { kind: 'primary', id: 'check-page' })
      ),
      this.#outcome.element
    )
  }

  async #submit() {
    if (!this.#field.reportValidity()) return
    const page = pageOf(this.#field.value)
    this.#field.setAttribute('aria-invalid', String(page === null))
    if (!page) {
      const example = 'Enter an address such as https://shop.example.'
      this.#outcome.show({ state: 'failed', text: 'This is not the address of a web page.', remedy: example })
      return
    }
    this.#outcome.show({ state: 'running', text: `Asking about ${page.origin}.`, remedy: '' })
    const asked = this.#field.value
    const outcome = await checkPage(page, this.#of)
    // Another address may have been entered meanwhile.
    if (asked === this.#field.value) this.#outcome.show(outcome)
  }
}
