// @ts-check
// <swarm-file-search>: finds files by words of their path, and sorts the list. Fires `files-search` after each change; its
// `words` and `order` say what the list shows. The list of files uses it.

import { define, emit, h, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { foundText, ORDERS, orderLabel, searchLabel } from '../lib/file-texts.js'

/** Screen readers should not read each letter's result. */
const TELL_MS = 500

export class SwarmFileSearch extends SwarmElement {
  #field = h('input', {
    type: 'search',
    class: 'text-field',
    'aria-label': searchLabel,
    placeholder: searchLabel,
    autocomplete: 'off',
    spellcheck: 'false',
    oninput: () => emit(this, 'files-search'),
    onkeydown: event => event.key === 'Escape' && this.#clear()
  })
  #order = h(
    'select',
    { class: 'text-field', 'aria-label': orderLabel, onchange: () => emit(this, 'files-search') },
    ...ORDERS.map(([value, label]) => h('option', { value }, label))
  )
  #state = h('p', { class: 'hint', role: 'status' })
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer

  /** @override */
  build() {
    this.append(h('div', { class: 'link-row' }, this.#field, this.#order), this.#state)
  }

  get words() {
    return this.#field.value
  }

  get order() {
    return /** @type {import('../lib/file-search.js').FileOrder} */ (this.#order.value)
  }

  /** Tells the number of found files. @param {number} found @param {number} all */
  update(found, all) {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => setText(this.#state, foundText(found, all, this.words)), TELL_MS)
  }

  #clear() {
    this.#field.value = ''
    emit(this, 'files-search')
  }
}

define('swarm-file-search', SwarmFileSearch)
