// @ts-check
// The dialog in which an alert rule is silenced for a time.

import { button, h } from '../../share/elements/dom.js'
import { troubleOf } from '../lib/texts.js'
import { field, openDialog, select } from './parts.js'

/** @type {Array<[string, string]>} */
const TIMES = [['900', '15 minutes'], ['3600', '1 hour'], ['14400', '4 hours'], ['86400', '1 day'], ['604800', '1 week']]

/** @param {import('../app.js').App} app @param {string} rule @param {(text: string) => void} saved */
export function openSilence (app, rule, saved) {
  const name = rule === '*' ? 'All rules are' : `${rule} is`
  const seconds = field('For', select(TIMES, '3600'))
  const comment = field('Why', h('input', { type: 'text', maxlength: 200, autocomplete: 'off' }), 'For others who see it.')
  const trouble = h('p', { class: 'message bad', role: 'alert' })
  const form = h('form', { class: 'form' }, seconds.box, comment.box, trouble,
    h('div', { class: 'buttons dialog-buttons' }, button('Cancel', () => dialog.close()), h('button', { type: 'submit', class: 'button primary' }, 'Silence')))
  form.addEventListener('submit', async event => {
    event.preventDefault()
    try {
      await app.api.send('POST', 'alerts/silences', { rule, seconds: Number(seconds.control.value), comment: comment.control.value.trim() })
      dialog.close()
      saved(`${name} silenced.`)
    } catch (error) {
      trouble.textContent = troubleOf(error)
    }
  })
  const dialog = openDialog(rule === '*' ? 'Silence all rules' : `Silence ${rule}`, form)
}
