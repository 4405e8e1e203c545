// @ts-check
// Small parts that several views use: cards, fields, dialogs with a question, messages about what was done.

import { button, h } from '../../share/elements/dom.js'
import { troubleOf } from '../lib/texts.js'

let lastId = 0
/** An id that no other element of the page has. @param {string} what */
export const freshId = what => `${what}-${++lastId}`

/** A part of a view under a heading. @param {string} title @param {...(Node | null)} content */
export function card (title, ...content) {
  const id = freshId('card')
  return h('section', { class: 'card', 'aria-labelledby': id }, h('h2', { id }, title), ...content)
}

/** @param {string} text @param {Record<string, string>} [more] */
export const hint = (text, more = {}) => h('p', { class: 'hint', ...more }, text)

/**
 * A field with its name above and what it means below.
 * @template {HTMLElement} T
 * @param {string} label @param {T} control @param {string} [doc] @returns {{ box: HTMLElement, control: T, fail: (text: string) => void }}
 */
export function field (label, control, doc = '') {
  const id = control.id || freshId('field')
  control.id = id
  control.classList.add('control')
  const words = h('p', { class: 'hint', id: `${id}-doc` }, doc)
  const error = h('p', { class: 'field-error', id: `${id}-error`, hidden: true })
  control.setAttribute('aria-describedby', `${id}-doc ${id}-error`)
  const box = h('div', { class: 'field' }, h('label', { for: id }, label), control, doc ? words : null, error)
  return {
    box,
    control,
    fail (text) {
      error.textContent = text
      error.hidden = !text
      control.toggleAttribute('aria-invalid', false)
      if (text) control.setAttribute('aria-invalid', 'true')
    }
  }
}

/** @param {Array<[string, string]>} options value and label @param {string} value */
export function select (options, value) {
  const element = h('select', {}, ...options.map(([value, label]) => h('option', { value }, label)))
  element.value = value
  return element
}

/**
 * A dialog in front of the page. It takes itself away when it is closed; the focus goes back by itself.
 * @param {string} title @param {...Node} content
 */
export function openDialog (title, ...content) {
  const id = freshId('dialog')
  const dialog = h('dialog', { class: 'card dialog', 'aria-labelledby': id }, h('h2', { id }, title), ...content)
  dialog.addEventListener('close', () => dialog.remove())
  document.body.append(dialog)
  dialog.showModal()
  return dialog
}

/**
 * Asks before something that cannot be taken back.
 * @param {{ title: string, text: string, action: string }} question @returns {Promise<boolean>}
 */
export function confirmed ({ title, text, action }) {
  return new Promise(resolve => {
    let isYes = false
    const yes = button(action, () => {
      isYes = true
      dialog.close()
    }, { kind: 'danger', id: 'confirm' })
    const no = button('Cancel', () => dialog.close(), { id: 'cancel' })
    const dialog = openDialog(title, h('p', {}, text), h('div', { class: 'buttons dialog-buttons' }, no, yes))
    dialog.addEventListener('close', () => resolve(isYes))
    no.focus()
  })
}

/** Where it is said what was done, or what went wrong; read out when it changes. */
export function messageLine () {
  const element = h('p', { class: 'message', role: 'status' })
  return {
    element,
    /** @param {string} text */
    done (text) {
      element.className = 'message good'
      element.textContent = text
    },
    /** @param {unknown} error */
    failed (error) {
      element.className = 'message bad'
      element.textContent = typeof error === 'string' ? error : troubleOf(error)
    },
    clear () {
      element.textContent = ''
    }
  }
}

/** @typedef {ReturnType<typeof messageLine>} MessageLine */

/** What stands in place of what only those see who are signed in. @param {string} what @param {() => void} onclick */
export const needsSignIn = (what, onclick) => h('div', { class: 'empty' },
  h('p', {}, `${what} are shown to those who are signed in.`),
  button('Sign in', onclick, { kind: 'primary' }))
