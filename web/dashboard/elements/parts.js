// @ts-check
// Parts without state that several views use: cards, hints, choice lists and dialogs.

import { button, h } from '../../common/dom.js'

let lastId = 0
/** Returns an id that no other element of the page has. @param {string} prefix */
export const freshId = prefix => `${prefix}-${++lastId}`

/** A section of a view with a heading. @param {string} title @param {...(Node | null)} content */
export function card(title, ...content) {
  const id = freshId('card')
  return h('section', { class: 'card', 'aria-labelledby': id }, h('h2', { id }, title), ...content)
}

/** @param {string} text @param {Record<string, string>} [attributes] */
export const hint = (text, attributes = {}) => h('p', { class: 'hint', ...attributes }, text)

/** A hidden line that a view shows while the server lacks data. @param {string} text */
export const dataWarning = text => h('p', { class: 'field-error', role: 'status', hidden: true }, text)

/** @param {Array<[string, string]>} options value and label @param {string} value */
export function select(options, value) {
  const element = h('select', {}, ...options.map(([value, label]) => h('option', { value }, label)))
  element.value = value
  return element
}

/**
 * Opens a modal dialog. A closed dialog removes itself; the browser restores the focus.
 * @param {string} title @param {...(Node | null)} content
 */
export function openDialog(title, ...content) {
  const id = freshId('dialog')
  const dialog = h('dialog', { class: 'card dialog', 'aria-labelledby': id }, h('h2', { id }, title), ...content)
  dialog.addEventListener('close', () => dialog.remove())
  document.body.append(dialog)
  dialog.showModal()
  return dialog
}

/**
 * Asks for confirmation of an action that cannot be undone.
 * @param {{ title: string, text: string, action: string }} question @returns {Promise<boolean>}
 */
export function confirmed({ title, text, action }) {
  return new Promise(resolve => {
    let isConfirmed = false
    const confirm = button(
      action,
      () => {
        isConfirmed = true
        dialog.close()
      },
      { kind: 'danger', id: 'confirm' }
    )
    const cancel = button('Cancel', () => dialog.close(), { id: 'cancel' })
    const dialog = openDialog(title, h('p', {}, text), h('div', { class: 'buttons dialog-buttons' }, cancel, confirm))
    dialog.addEventListener('close', () => resolve(isConfirmed))
    cancel.focus()
  })
}

/** A replacement for content that needs the admin token. @param {string} text @param {() => void} onSignIn */
export const signInPrompt = (text, onSignIn) =>
  h('div', { class: 'empty' }, h('p', {}, text), button('Sign in', onSignIn, { kind: 'primary' }))
