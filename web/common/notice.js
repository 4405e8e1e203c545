// @ts-check
// <swarm-notices>: a list of notices, each with an optional button. Fires `notice-action` with the id of the button, and
// `notice-shown` with the title of each new notice, for the live region of the page. An error is an alert itself and does
// not fire.

import { button, define, emit, h, setText } from './dom.js'
import { SwarmElement } from './element.js'

/** `more`: details for the operator. `code`: a name for programs, see share/lib/error-codes.js. @typedef {{ tone: 'error' | 'warning' | 'info', title: string, text: string, code?: string, more?: string, action?: { id: string, label: string } }} Notice */

export class SwarmNotices extends SwarmElement {
  /** @type {Map<string, { box: HTMLElement, text: HTMLElement }>} by title, because a countdown changes only the text */
  #shown = new Map()

  /** @param {Array<Notice | null>} notices */
  update(notices) {
    const wanted = /** @type {Notice[]} */ (notices.filter(notice => notice !== null))
    for (const [title, { box }] of this.#shown) {
      if (wanted.some(notice => notice.title === title)) continue
      box.remove()
      this.#shown.delete(title)
    }
    for (const notice of wanted) {
      const known = this.#shown.get(notice.title) ?? this.#show(notice)
      setText(known.text, notice.text)
    }
    this.hidden = wanted.length === 0
  }

  /** @param {Notice} notice */
  #show({ tone, title, text: words, more, action }) {
    const text = h('p', {}, words)
    const box = h(
      'div',
      { class: `notice ${tone}`, part: 'notice', 'data-notice': title, role: tone === 'error' ? 'alert' : null },
      h('h2', { class: 'notice-title' }, title),
      text,
      more ? h('p', { class: 'notice-more' }, more) : null,
      action ? button(action.label, () => emit(this, 'notice-action', action.id), { id: action.id }) : null
    )
    this.append(box)
    // Only the title, because screen readers would read each change of a countdown.
    if (tone !== 'error') emit(this, 'notice-shown', title)
    const shown = { box, text }
    this.#shown.set(title, shown)
    return shown
  }
}

define('swarm-notices', SwarmNotices)
