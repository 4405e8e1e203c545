// @ts-check
// <dashboard-field>: a control of a form with its label above, and its description and error below.

import { define, h, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { freshId } from './parts.js'

/** @template {HTMLElement} [T=HTMLElement] */
export class Field extends SwarmElement {
  control
  label
  #doc
  #error

  /** @param {string} label @param {T} control @param {string} [doc] what the value means */
  constructor(label, control, doc = '') {
    super()
    const id = control.id || freshId('field')
    control.id = id
    control.classList.add('control')
    control.setAttribute('aria-describedby', `${id}-doc ${id}-error`)
    this.control = control
    this.label = h('label', { for: id }, label)
    this.#doc = h('p', { class: 'hint', id: `${id}-doc` })
    this.#error = h('p', { class: 'field-error', id: `${id}-error`, hidden: true })
    this.setDoc(doc)
  }

  /** @override */
  build() {
    this.classList.add('field')
    this.append(this.label, this.control, this.#doc, this.#error)
  }

  /** @param {string} text */
  setDoc(text) {
    setText(this.#doc, text)
    this.#doc.hidden = text === ''
  }

  /** @param {string} text empty: the value is valid */
  setError(text) {
    setText(this.#error, text)
    this.#error.hidden = text === ''
    if (text) this.control.setAttribute('aria-invalid', 'true')
    else this.control.removeAttribute('aria-invalid')
  }
}

define('dashboard-field', Field)
