// @ts-check
// Two elements that show the result of an action: <dashboard-message>, a line within a view, and <dashboard-toast>, the
// same at the lower edge of the window. Screen readers read a new text.

import { button, define } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { errorText } from '../lib/texts.js'

/** A transient message disappears after this time, plus the time for each character. */
const TRANSIENT_MS = 5000
const TRANSIENT_MS_PER_CHARACTER = 70

export class MessageLine extends SwarmElement {
  #isTransient
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer

  /** @param {{ isTransient?: boolean }} [options] `isTransient`: success messages disappear; errors stay */
  constructor({ isTransient = false } = {}) {
    super()
    this.#isTransient = isTransient
  }

  /** @override */
  build() {
    this.classList.add('message')
    this.setAttribute('role', 'status')
  }

  /** @param {string} text */
  showSuccess(text) {
    this.#show('good', text)
    if (!this.#isTransient) return
    this.#timer = setTimeout(() => this.clear(), TRANSIENT_MS + TRANSIENT_MS_PER_CHARACTER * text.length)
  }

  /** @param {unknown} error an error of a request, or a text */
  showError(error) {
    this.#show('bad', typeof error === 'string' ? error : errorText(error))
  }

  clear() {
    clearTimeout(this.#timer)
    this.textContent = ''
  }

  /** @param {'good' | 'bad'} look @param {string} text */
  #show(look, text) {
    clearTimeout(this.#timer)
    this.className = `message ${look}`
    this.textContent = text
  }
}

/**
 * A result at the edge of the window, because the button may be far from the top of a long view. The element exists while
 * it is empty: screen readers read only changes of an element that they know.
 */
export class Toast extends SwarmElement {
  #message = new MessageLine({ isTransient: true })
  /** The element that had the focus before the error. @type {Element | null} */
  #focused = null

  /** @override */
  build() {
    this.className = 'toast'
    this.append(
      this.#message,
      button('Close', () => this.#close(), { kind: 'quiet', name: 'Close this message' })
    )
  }

  /** @param {string} text */
  showSuccess(text) {
    this.#message.showSuccess(text)
  }

  /** @param {unknown} error */
  showError(error) {
    this.#focused = document.activeElement
    this.#message.showError(error)
  }

  #close() {
    this.#message.clear()
    if (this.#focused instanceof HTMLElement) this.#focused.focus()
  }
}

define('dashboard-message', MessageLine)
define('dashboard-toast', Toast)
