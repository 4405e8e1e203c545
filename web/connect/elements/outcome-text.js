// @ts-check
// An outcome in words: a mark, what was found, and what helps.

import { h, setText } from '../../common/dom.js'

/** Drawn beside the words. @type {Record<string, string>} */
const MARKS = { good: '✓', warning: '!', failed: '✕' }

export class OutcomeText {
  #mark = h('span', { class: 'mark', 'aria-hidden': 'true' }, '…')
  #text
  #remedy = h('p', { class: 'hint', hidden: true })

  /** @param {string} text shown until there is an outcome; empty: nothing is shown */
  constructor(text) {
    this.#text = h('span', {}, text)
    this.element = h(
      'div',
      { class: 'state', 'data-state': text ? 'running' : 'none' },
      h('p', {}, this.#mark, ' ', this.#text),
      this.#remedy
    )
  }

  /** @param {Pick<import('../../check/lib/outcomes.js').Outcome, 'state' | 'text' | 'remedy'>} outcome */
  show({ state, text, remedy }) {
    this.element.dataset.state = state
    setText(this.#mark, MARKS[state] ?? '…')
    setText(this.#text, text)
    setText(this.#remedy, remedy)
    this.#remedy.hidden = !remedy
  }
}
