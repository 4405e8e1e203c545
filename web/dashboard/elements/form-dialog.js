// @ts-check
// The form of a dialog: it sends once at a time, closes its dialog after success and shows an error otherwise.

import { button, h } from '../../common/dom.js'
import { errorText } from '../lib/texts.js'

/**
 * Creates a form with its error line and buttons.
 * @param {object} options
 * @param {Array<Node | null>} options.content
 * @param {string} options.action label of the submit button
 * @param {boolean} [options.isDangerous]
 * @param {() => Promise<string | null>} options.submit returns the success message, or null if the input is invalid
 * @param {(message: string) => void} options.onSuccess
 */
export function dialogForm({ content, action, isDangerous = false, submit, onSuccess }) {
  const error = h('p', { class: 'message bad', role: 'alert' })
  const look = isDangerous ? 'danger' : 'primary'
  const submitButton = h('button', { type: 'submit', class: `button ${look}`, 'data-action': 'confirm' }, action)
  const cancel = button('Cancel', () => close(), { id: 'cancel' })
  const form = h(
    'form',
    { class: 'form', novalidate: true },
    ...content,
    error,
    h('div', { class: 'buttons dialog-buttons' }, cancel, submitButton)
  )
  const close = () => form.closest('dialog')?.close()
  form.addEventListener('submit', async event => {
    event.preventDefault()
    if (submitButton.disabled) return
    submitButton.disabled = true
    try {
      const message = await submit()
      if (message === null) return
      close()
      onSuccess(message)
    } catch (failure) {
      error.textContent = errorText(failure)
    } finally {
      submitButton.disabled = false
    }
  })
  return form
}
