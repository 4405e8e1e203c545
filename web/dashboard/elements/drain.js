// @ts-check
// <dashboard-drain>: the button that drains this server, after a confirmation.

import { button, define, h } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { MessageLine } from './message.js'
import { confirmed, hint } from './parts.js'

export class DrainControl extends SwarmElement {
  #app
  #message = new MessageLine()
  #button = button('Drain this server', () => this.#drain(), { kind: 'danger', id: 'drain' })
  #isDraining = false

  /** @param {import('../app.js').App} app */
  constructor(app) {
    super()
    this.#app = app
  }

  /** @override */
  build() {
    this.append(
      hint('The same as SIGTERM. Browsers reconnect to another server if there is one.'),
      this.#message,
      h('div', { class: 'buttons' }, this.#button)
    )
  }

  update() {
    this.#button.disabled = this.#isDraining || this.#app.feed.state.mode === 'down'
  }

  async #drain() {
    const isConfirmed = await confirmed({
      title: 'Drain this server?',
      text: 'The server accepts no new connections, closes the existing ones one by one, and exits. This cannot be undone. To use the server again, start it again.',
      action: 'Drain'
    })
    if (!isConfirmed) return
    try {
      await this.#app.api.send('post', 'drain')
      this.#isDraining = true
      this.update()
      this.#message.showSuccess('The server is draining.')
    } catch (error) {
      this.#message.showError(error)
    }
  }
}

define('dashboard-drain', DrainControl)
