// @ts-check
// <swarm-done-notice>: a button that asks for a notification of the system when a transfer is complete. It asks the browser
// for the permission only after a click. The views of sender and receiver use it.

import { button, define, h, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { clientIdOf } from '../core/stream-server.js'
import { ANSWERS, doneText, tellingFailed, tellMe } from '../lib/done-texts.js'

/** @typedef {import('../core/transfer.js').Snapshot} Snapshot */

const CLIENT_ID_MS = 2_000

export class SwarmDoneNotice extends SwarmElement {
  #isWanted = false
  /** Whether a receiver of this sender has had everything of this link. */
  #isReceived = false
  /** @type {string | null} */
  #infoHash = null
  #button = button(tellMe, () => this.#toggle(), { icon: 'bell', id: 'tell-me' })
  #state = h('p', { class: 'hint', role: 'status' })
  /** The answer to the last click. */
  #answer = () => ''

  /** @override */
  build() {
    this.append(this.#button, this.#state)
  }

  /** @param {Snapshot} now */
  update({ role, phase, name, infoHash, peers }) {
    // A sender who has added files has a new link, which nobody has had yet.
    if (infoHash !== this.#infoHash) this.#isReceived = false
    this.#infoHash = infoHash
    this.#isReceived ||= role === 'sender' && peers.some(({ progress, isEarlier }) => progress >= 1 && !isEarlier)
    const isDone = role === 'sender' ? this.#isReceived : phase === 'done'
    const isWaiting = !isDone && (phase === 'sharing' || phase === 'downloading')
    this.hidden = !isWaiting || !('Notification' in window)
    setText(this.#state, this.#answer())
    if (!isDone || !this.#isWanted) return
    this.#want(false)
    tell(doneText(role, name)).catch(() => {
      this.hidden = false
      this.#say(tellingFailed)
    })
  }

  async #toggle() {
    if (this.#isWanted) {
      this.#want(false)
      return this.#say(() => '')
    }
    const answer = await Notification.requestPermission()
    this.#want(answer === 'granted')
    this.#say(ANSWERS[answer])
  }

  /** @param {() => string} answer */
  #say(answer) {
    this.#answer = answer
    setText(this.#state, answer())
  }

  /** @param {boolean} isWanted */
  #want(isWanted) {
    this.#isWanted = isWanted
    this.#button.setAttribute('aria-pressed', String(isWanted))
  }
}

/** @param {{ title: string, body: string }} text */
async function tell({ title, body }) {
  try {
    const notification = new Notification(title, { body })
    notification.onclick = () => {
      window.focus()
      notification.close()
    }
  } catch (error) {
    // Chromium on Android has the constructor, but only a service worker can show one.
    const registration = await navigator.serviceWorker?.getRegistration()
    if (!registration) throw error
    // A click shows this page: sw.js. Another service worker of the page may do it otherwise.
    const clientId = await clientIdOf(registration, CLIENT_ID_MS).catch(() => null)
    await registration.showNotification(title, { body, data: { clientId } })
  }
}

define('swarm-done-notice', SwarmDoneNotice)
