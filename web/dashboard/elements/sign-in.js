// @ts-check
// The dialog in which the admin token is given. The token is checked before it is kept.

import { button, h } from '../../share/elements/dom.js'
import { signInTrouble } from '../lib/texts.js'
import { field, hint, openDialog } from './parts.js'

/** @param {import('../app.js').App} app */
export function openSignIn (app) {
  const token = field('Admin token', h('input', { type: 'password', autocomplete: 'off', spellcheck: 'false', required: true, name: 'token' }))
  const go = h('button', { type: 'submit', class: 'button primary' }, 'Sign in')
  const form = h('form', { class: 'form' },
    hint('The token is the setting admin_token of this server, or stands in the file that admin_token_file names; a server without one has nothing to sign in to. It stays in this tab, until you sign out or close it.'),
    token.box,
    h('div', { class: 'buttons dialog-buttons' }, button('Cancel', () => dialog.close()), go))
  form.addEventListener('submit', async event => {
    event.preventDefault()
    const value = token.control.value.trim()
    // A header takes no other characters, and no token has any.
    if (!/^[\x21-\x7e]+$/.test(value)) return token.fail('This is not the admin token: it has no blanks and only ASCII characters.')
    go.disabled = true
    token.fail('')
    try {
      await app.api.signIn(value)
      dialog.close()
      app.tell('Signed in.')
    } catch (error) {
      token.fail(signInTrouble(/** @type {import('../core/api.js').ApiError} */ (error)))
      token.control.select()
      token.control.focus()
    } finally {
      go.disabled = false
    }
  })
  const dialog = openDialog('Sign in', form)
  token.control.focus()
}
