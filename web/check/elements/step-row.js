// @ts-check
// One step of the check: its title, state, measured time, and what helps if it failed.

import { h, setText } from '../../common/dom.js'
import { stateText } from '../lib/report.js'

/** @typedef {import('../lib/outcomes.js').Step} Step */

/** Drawn beside the state in words. @type {Record<Step['state'], string>} */
const MARKS = { running: '…', good: '✓', warning: '!', failed: '✕', 'not-tested': '–' }

export class StepRow {
  #mark = h('span', { class: 'step-mark', 'aria-hidden': 'true' })
  #title = h('strong', { class: 'step-title' })
  #state = h('span', { class: 'step-state' })
  #text = h('p', { class: 'step-text' })
  #details = h('ul', { class: 'step-details' })
  #remedy = h('p', { class: 'step-remedy' })
  item = h(
    'li',
    { class: 'step', part: 'step' },
    this.#mark,
    h('div', { class: 'step-body' }, this.#title, ' ', this.#state, this.#text, this.#details, this.#remedy)
  )

  /** @param {Step} step */
  update({ id, title, state, ms, text, details, remedy }) {
    this.item.dataset.step = id
    this.item.dataset.state = state
    setText(this.#mark, MARKS[state])
    setText(this.#title, title)
    setText(this.#state, stateText(state, ms))
    setText(this.#text, text)
    this.#text.hidden = !text
    this.#details.replaceChildren(...details.map(line => h('li', {}, line)))
    this.#details.hidden = details.length === 0
    setText(this.#remedy, remedy)
    this.#remedy.hidden = !remedy
  }
}
