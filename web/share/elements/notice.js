// @ts-check
// <swarm-notices>: what is wrong, each with its remedy as a button. It shows the notices it is given; which
// there are is decided elsewhere. Fires `notice-action` with the id of the button.

import { button, define, h, setText, tell } from './dom.js'

/** @typedef {import('../lib/texts.js').Notice} Notice */

export class SwarmNotices extends HTMLElement {
  /** @type {Map<string, { box: HTMLElement, text: HTMLElement }>} by title: a countdown changes the text only */
  #shown = new Map()

  /** @param {Array<Notice | null>} notices */
  update (notices) {
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
  #show ({ tone, title, action }) {
    const text = h('p')
    // The title alone is announced, once; a text that counts down would be read again and again.
    const box = h('div', { class: `notice ${tone}`, 'data-notice': title },
      h('h2', { class: 'notice-title', role: tone === 'error' ? 'alert' : 'status' }, title),
      text,
      action ? button(action.label, () => tell(this, 'notice-action', action.id), { id: action.id }) : null)
    this.append(box)
    const shown = { box, text }
    this.#shown.set(title, shown)
    return shown
  }
}

define('swarm-notices', SwarmNotices)
