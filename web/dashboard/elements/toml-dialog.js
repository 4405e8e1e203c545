// @ts-check
// The dialog that shows what was changed while the server runs as lines of its configuration file, to copy.

import { button, h } from '../../share/elements/dom.js'
import { changedToml } from '../lib/toml.js'
import { freshId, hint, messageLine, openDialog } from './parts.js'

/** @param {import('../lib/settings.js').Setting[]} settings @param {number} unsaved how many fields are not saved yet */
export function openToml (settings, unsaved) {
  const toml = changedToml(settings)
  const close = button('Close', () => dialog.close(), { id: 'close' })
  const more = unsaved ? hint('What is not saved yet is not among it.') : null
  const content = toml
    ? tomlParts(toml, close)
    : [h('p', {}, 'Nothing was changed: the server goes by its configuration.'), h('div', { class: 'buttons dialog-buttons' }, close)]
  const dialog = openDialog('Changed settings as TOML', ...more ? [more, ...content] : content)
  dialog.classList.add('wide')
  const area = dialog.querySelector('textarea')
  if (area) area.focus()
  else close.focus()
}

/** @param {string} toml @param {HTMLElement} close */
function tomlParts (toml, close) {
  const message = messageLine()
  const id = freshId('toml')
  const area = h('textarea', { id, class: 'control code', readonly: true, rows: Math.min(20, toml.split('\n').length + 1), spellcheck: 'false' })
  area.value = toml
  const copy = button('Copy', async () => {
    try {
      await navigator.clipboard.writeText(toml)
      message.done('Copied.')
    } catch {
      area.focus()
      area.select()
      message.done('Copying is not allowed here: the text is selected, copy it with the keyboard.')
    }
  }, { icon: 'copy', kind: 'primary', id: 'copy-toml' })
  return [
    hint('Changes last until the server starts again or its configuration is read again. Put these lines into its file to keep them. A flag or an environment variable for the same setting wins over the file.'),
    h('div', { class: 'field' }, h('label', { for: id }, 'Lines for the configuration file'), area), message.element,
    h('div', { class: 'buttons dialog-buttons' }, close, copy)
  ]
}
