// @ts-check
// The dialog that silences an alert rule for a time.

import { h } from '../../common/dom.js'
import { Field } from './field.js'
import { dialogForm } from './form-dialog.js'
import { openDialog, select } from './parts.js'

/** @type {Array<[string, string]>} */
const TIMES = [
  ['900', '15 minutes'],
  ['3600', '1 hour'],
  ['14400', '4 hours'],
  ['86400', '1 day'],
  ['604800', '1 week']
]

/** @param {import('../app.js').App} app @param {string} rule `*` for all rules @param {(message: string) => void} onSuccess */
export function openSilence(app, rule, onSuccess) {
  const isAll = rule === '*'
  const seconds = new Field('For', select(TIMES, '3600'))
  const comment = new Field(
    'Why',
    h('input', { type: 'text', maxlength: 200, autocomplete: 'off' }),
    'Shown to other administrators.'
  )
  const form = dialogForm({
    content: [seconds, comment],
    action: 'Silence',
    async submit() {
      await app.api.send('post', 'alerts/silences', {
        body: { rule, seconds: Number(seconds.control.value), comment: comment.control.value.trim() }
      })
      return `${isAll ? 'All rules are' : `${rule} is`} silenced.`
    },
    onSuccess
  })
  openDialog(isAll ? 'Silence all rules' : `Silence ${rule}`, form)
}
