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
  const element = h('section', { class: 'card', 'aria-labelledby': id }, h('h2', { id }, title), ...content)
  // One landmark of a name is enough.
  for (const part of element.querySelectorAll('[role=region]')) if (part.getAttribute('aria-label') === title) part.setAttribute('role', 'group')
  return element
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
 * @param {string} title @param {...(Node | null)} content
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

/** What was done goes by itself after this time, and so much more for each character that is to be read. */
const PASSING_MS = 5000
const PASSING_MS_EACH = 70

/**
 * Where it is said what was done, or what went wrong; read out when it changes.
 * @param {{ isPassing?: boolean }} [options] `isPassing`: good news goes by itself; what went wrong stays
 */
export function messageLine ({ isPassing = false } = {}) {
  const element = h('p', { class: 'message', role: 'status' })
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let passing
  const show = (/** @type {'good' | 'bad'} */ look, /** @type {string} */ text) => {
    clearTimeout(passing)
    element.className = `message ${look}`
    element.textContent = text
  }
  return {
    element,
    /** @param {string} text */
    done (text) {
      show('good', text)
      if (isPassing) passing = setTimeout(() => { element.textContent = '' }, PASSING_MS + PASSING_MS_EACH * text.length)
    },
    /** @param {unknown} error */
    failed (error) {
      show('bad', typeof error === 'string' ? error : troubleOf(error))
    },
    clear () {
      clearTimeout(passing)
      element.textContent = ''
    }
  }
}

/** @typedef {ReturnType<typeof messageLine>} MessageLine */

/**
 * What came of an action, at the lower edge of the window: in a long view one acts far from its top. It is there even
 * while it is empty, as screen readers read out only what changes in a place that they know.
 */
export function actionLine () {
  const line = messageLine({ isPassing: true })
  /** @type {Element | null} where the person was */
  let before = null
  const close = button('Close', () => {
    line.clear()
    if (before instanceof HTMLElement) before.focus()
  }, { kind: 'quiet', name: 'Close this message' })
  return {
    element: h('div', { class: 'toast' }, line.element, close),
    done: line.done,
    /** @param {unknown} error */
    failed (error) {
      before = document.activeElement
      line.failed(error)
    }
  }
}

/** What stands in place of what only those see who are signed in. @param {string} what @param {() => void} onclick */
export const needsSignIn = (what, onclick) => h('div', { class: 'empty' },
  h('p', {}, `${what} are shown to those who are signed in.`),
  button('Sign in', onclick, { kind: 'primary' }))
