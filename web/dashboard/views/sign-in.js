// @ts-check
// <dashboard-sign-in>: the replacement for a view that needs the admin token.

import { define, h } from '../../common/dom.js'
import { card, signInPrompt } from '../elements/parts.js'
import { View } from './view.js'

export class SignInView extends View {
  #title

  /** @param {import('../app.js').App} app @param {string} title of the view */
  constructor(app, title) {
    super(app)
    this.#title = title
  }

  /** @override */
  build() {
    super.build()
    const text = `Sign in to see the ${this.#title.toLowerCase()} of this tracker.`
    this.append(
      h('h1', { tabindex: -1 }, this.#title),
      card(
        'Sign in',
        signInPrompt(text, () => this.app.signIn())
      )
    )
  }
}

define('dashboard-sign-in', SignInView)
