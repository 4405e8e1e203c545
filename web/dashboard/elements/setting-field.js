// @ts-check
// <dashboard-setting>: the field of one setting: a choice list, the lines of a list, or a text with its unit.

import { button, define, h } from '../../common/dom.js'
import { plainDoc } from '../lib/numbers.js'
import { boundsText, defaultOf, defaultText, shownOf } from '../lib/settings.js'
import { Field } from './field.js'
import { select } from './parts.js'

/** @typedef {import('../lib/settings.js').Setting} Setting */
/** @typedef {{ control: HTMLElement, other: HTMLElement | null, get: () => string, set: (text: string) => void }} Control `other`: the field for a value that is not in the list */

/** The value of the list entry "another value". */
const OTHER = '\u0000other'

export class SettingField extends Field {
  #setting
  #control

  /** @param {Setting} setting */
  constructor(setting) {
    const made = controlOf(setting)
    super(setting.key, made.control, docOf(setting))
    this.#setting = setting
    this.#control = made
  }

  /** @override */
  build() {
    super.build()
    const { live, secret, changed, is_default: isDefault } = this.#setting
    const { control, other } = this.#control
    const isReadOnly = !live || secret
    control.toggleAttribute('disabled', isReadOnly)
    if (other) {
      other.toggleAttribute('disabled', isReadOnly)
      other.setAttribute('aria-describedby', control.getAttribute('aria-describedby') ?? '')
      control.after(other)
    }
    this.classList.toggle('changed', changed)
    if (changed) this.label.append(' ', h('span', { class: 'mark' }, 'changed here'))
    else if (!isDefault) this.label.after(h('span', { class: 'mark soft' }, 'not the default'))
    if (!isDefault && !isReadOnly) this.append(this.#defaultButton())
  }

  /** What the user has written. */
  get text() {
    return this.#control.get()
  }

  #defaultButton() {
    const { key } = this.#setting
    const { control, set } = this.#control
    const restore = button(
      'Use the default',
      () => {
        set(defaultOf(this.#setting))
        control.dispatchEvent(new Event('input', { bubbles: true }))
        control.focus()
      },
      { kind: 'quiet' }
    )
    restore.append(h('span', { class: 'visually-hidden' }, ` of ${key}`))
    return restore
  }
}

/** @param {Setting} setting */
function docOf(setting) {
  const { live, takes, secret } = setting
  const fileOnly =
    takes === 'reload' ? 'Changes with the configuration file only (SIGHUP or a restart).' : 'Needs a restart.'
  const change = secret ? 'A secret: it is set in the configuration and never shown.' : live ? '' : fileOnly
  const fallback = secret ? '' : `Default: ${defaultText(setting)}.`
  return [plainDoc(setting), boundsText(setting), fallback, change].filter(Boolean).join(' ')
}

/** @param {Setting} setting @returns {Control} */
function controlOf(setting) {
  const { kind, many, choices, secret, value } = setting
  const text = shownOf(setting)
  if (secret) {
    const placeholder = value === null || value === '[]' ? 'not set' : 'set, never shown'
    return plainControl(h('input', { type: 'password', autocomplete: 'new-password', placeholder }), '')
  }
  if (many) {
    const rows = Math.min(8, Math.max(2, text.split('\n').length + 1))
    const placeholder = 'none; one on each line'
    return plainControl(h('textarea', { rows, spellcheck: 'false', autocomplete: 'off', placeholder }), text)
  }
  if (kind === 'switch') {
    /** @type {Array<[string, string]>} */
    const options = [
      ['true', 'on'],
      ['false', 'off']
    ]
    return plainControl(select(options, ''), text)
  }
  if (choices.length > 0) return choiceControl(setting)
  const inputmode = kind === 'number' || kind === 'percent' ? 'decimal' : null
  const attributes = { type: 'text', spellcheck: 'false', autocomplete: 'off', inputmode, placeholder: 'not set' }
  return plainControl(h('input', attributes), text)
}

/** @param {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} control @param {string} text @returns {Control} */
function plainControl(control, text) {
  control.value = text
  return {
    control,
    other: null,
    get: () => control.value,
    set: text => {
      control.value = text
    }
  }
}

/** A choice list. If the setting allows other values, the last choice opens a text field. @param {Setting} setting @returns {Control} */
function choiceControl(setting) {
  const { choices, other_values: hasOthers } = setting
  const options = choices.map(choice => /** @type {[string, string]} */ ([choice, choice]))
  const list = select(hasOthers ? [...options, [OTHER, 'another value …']] : options, '')
  if (!hasOthers) return plainControl(list, shownOf(setting))
  const other = h('input', {
    type: 'text',
    class: 'control',
    spellcheck: 'false',
    autocomplete: 'off',
    'aria-label': 'Another value'
  })
  const show = () => {
    other.hidden = list.value !== OTHER
  }
  const set = (/** @type {string} */ text) => {
    const isOther = !choices.includes(text)
    list.value = isOther ? OTHER : text
    if (isOther) other.value = text
    show()
  }
  list.addEventListener('change', () => {
    show()
    if (!other.hidden) other.focus()
  })
  set(shownOf(setting))
  return { control: list, other, set, get: () => (list.value === OTHER ? other.value : list.value) }
}

define('dashboard-setting', SettingField)
