// @ts-check
// The button that copies the result as text. Where the browser does not allow that, it shows the text to copy by hand.

import '../../common/icons.js'
import { button, h, setText } from '../../common/dom.js'

export class CopyResult {
  #result
  #button = button('Copy the result', () => this.#copy(), { icon: 'copy', id: 'copy' })
  #status = h('span', { role: 'status', class: 'hint' })
  controls = [this.#button, this.#status]
  text = h('textarea', { class: 'report', readonly: true, rows: 12, 'aria-label': 'The result as text', hidden: true })

  /** @param {() => string} result returns the text */
  constructor(result) {
    this.#result = result
  }

  /** @param {boolean} isComplete whether there is a result to copy */
  update(isComplete) {
    this.#button.hidden = !isComplete
    if (isComplete) return
    setText(this.#status, '')
    this.text.hidden = true
  }

  async #copy() {
    const text = this.#result()
    try {
      await navigator.clipboard.writeText(text)
      setText(this.#status, 'Copied.')
    } catch {
      this.text.value = text
      this.text.hidden = false
      this.text.focus()
      this.text.select()
      setText(this.#status, 'The browser does not allow copying. The text is selected: copy it with the keyboard.')
    }
  }
}
