// @ts-check
// The button that copies a text on the page. Where the browser does not allow that, it selects the text.

import '../../common/icons.js'
import { button, h, setText } from '../../common/dom.js'

/** Returns the controls. @param {HTMLElement} source shows the text @param {string} name what is copied, for screen readers */
export function copyControls(source, name) {
  const status = h('span', { role: 'status', class: 'hint' })
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(source.textContent ?? '')
      setText(status, 'Copied.')
    } catch {
      getSelection()?.selectAllChildren(source)
      setText(status, 'The browser does not allow copying. The text is selected: copy it with the keyboard.')
    }
  }
  return h('div', { class: 'copy' }, button('Copy', copy, { icon: 'copy', name: `Copy ${name}`, id: 'copy' }), status)
}
