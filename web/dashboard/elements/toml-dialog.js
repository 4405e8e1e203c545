// @ts-check
// The dialog that shows the settings changed at runtime as lines of the configuration file, to copy.

import { button, h } from '../../common/dom.js'
import { changedToml } from '../lib/toml.js'
import { MessageLine } from './message.js'
import { freshId, hint, openDialog } from './parts.js'

/** @param {import('../lib/settings.js').Setting[]} settings @param {number} unsaved number of fields with unsaved changes */
export function openToml(settings, unsaved) {
  const toml = changedToml(settings)
  const close = button('Close', () => dialog.close(), { id: 'close' })
  const unsavedHint = unsaved ? hint('Unsaved changes are not included.') : null
  const content = toml
    ? tomlParts(toml, close)
    : [
        h('p', {}, 'Nothing was changed: the server uses its configuration.'),
        h('div', { class: 'buttons dialog-buttons' }, close)
      ]
  const dialog = openDialog('Changed settings as TOML', unsavedHint, ...content)
  dialog.classList.add('wide')
  const first = dialog.querySelector('textarea') ?? close
  first.focus()
}

/** @param {string} toml @param {HTMLElement} close */
function tomlParts(toml, close) {
  const message = new MessageLine()
  const id = freshId('toml')
  const area = h('textarea', {
    id,
    class: 'control code',
    readonly: true,
    rows: Math.min(20, toml.split('\n').length + 1),
    spellcheck: 'false'
  })
  area.value = toml
  const copy = button(
    'Copy',
    async () => {
      try {
        await navigator.clipboard.writeText(toml)
        message.showSuccess('Copied.')
      } catch {
        area.focus()
        area.select()
        message.showSuccess('The browser does not allow copying. The text is selected: copy it with the keyboard.')
      }
    },
    { icon: 'copy', kind: 'primary', id: 'copy-toml' }
  )
  return [
    hint(
      'Changes last until a restart or a reload of the configuration. To make them permanent, put these lines into the configuration file. A flag or an environment variable for the same setting overrides the file.'
    ),
    h('div', { class: 'field' }, h('label', { for: id }, 'Lines for the configuration file'), area),
    message,
    h('div', { class: 'buttons dialog-buttons' }, close, copy)
  ]
}
