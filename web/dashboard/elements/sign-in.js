// @ts-check
// The dialog that asks for the admin token. The server checks the token before this page stores it.

import { h } from '../../common/dom.js'
import { signInErrorText } from '../lib/texts.js'
import { Field } from './field.js'
import { dialogForm } from './form-dialog.js'
import { hint, openDialog } from './parts.js'

/** The characters that a header field allows; tokens have no others. */
const TOKEN = /^[\x21-\x7e]+$/

/** @param {import('../app.js').App} app */
export function openSignIn(app) {
  const token = new Field(
    'Admin token',
    h('input', { type: 'password', autocomplete: 'off', spellcheck: 'false', required: true, name: 'token' })
  )
  const form = dialogForm({
    content: [
      hint(
        'The value of admin_token, or of the file that admin_token_file names. A server without a token has no sign-in. This tab keeps the token until you sign out or close it.'
      ),
      token
    ],
    action: 'Sign in',
    async submit() {
      const value = token.control.value.trim()
      if (!TOKEN.test(value)) {
        token.setError('This is not the admin token: tokens have only ASCII characters and no spaces.')
        return null
      }
      token.setError('')
      try {
        await app.api.signIn(value)
        return 'Signed in.'
      } catch (error) {
        token.setError(signInErrorText(/** @type {import('../core/api.js').ApiError} */ (error)))
        token.control.select()
        token.control.focus()
        return null
      }
    },
    onSuccess: message => app.setLiveText(message)
  })
  openDialog('Sign in', form)
  token.control.focus()
}
