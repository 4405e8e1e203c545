// @ts-check
// One setting as a field: a choice list, lines of a list, or a text with its unit; below it what it means and what it may be.

import { button, h } from '../../share/elements/dom.js'
import { plainDoc } from '../lib/numbers.js'
import { boundsWords, defaultOf, defaultWords, shownOf } from '../lib/settings.js'
import { field, select } from './parts.js'

/** @typedef {import('../lib/settings.js').Setting} Setting */
/** @typedef {{ text: () => string, set: (text: string) => void, control: HTMLElement, more: HTMLElement | null }} Control */

/** What a choice list has for a value that is none of its choices. */
const OTHER = '\u0000other'

/** @param {Setting} setting */
export function settingField (setting) {
  const { key, live, secret, changed, is_default: isDefault } = setting
  const { text, set, control, more } = controlOf(setting)
  const made = field(key, control, docOf(setting))
  control.toggleAttribute('disabled', !live || secret)
  more?.toggleAttribute('disabled', !live || secret)
  if (more) {
    more.setAttribute('aria-describedby', control.getAttribute('aria-describedby') ?? '')
    control.after(more)
  }
  made.box.classList.toggle('changed', changed)
  const label = made.box.querySelector('label')
  if (changed) label?.append(' ', h('span', { class: 'mark' }, 'changed here'))
  else if (!isDefault) label?.after(h('span', { class: 'mark soft' }, 'not the default'))
  if (!isDefault && live && !secret) {
    const fallBack = button('Use the default', () => {
      set(defaultOf(setting))
      control.dispatchEvent(new Event('input', { bubbles: true }))
      control.focus()
    }, { kind: 'quiet' })
    fallBack.append(h('span', { class: 'visually-hidden' }, ` of ${key}`))
    made.box.append(fallBack)
  }
  return { ...made, text }
}

/** @param {Setting} setting */
function docOf (setting) {
  const { live, takes, secret } = setting
  const change = secret ? 'A secret: it is set in the configuration, and never shown.' : live ? '' : takes === 'reload' ? 'Changes with the configuration file only (SIGHUP or a restart).' : 'Needs a restart.'
  const fallback = secret ? '' : `Default: ${defaultWords(setting)}.`
  return [plainDoc(setting), boundsWords(setting), fallback, change].filter(Boolean).join(' ')
}

/** @param {Setting} setting @returns {Control} */
function controlOf (setting) {
  const { kind, many, choices, secret, value } = setting
  if (secret) return plain(h('input', { type: 'password', autocomplete: 'new-password', placeholder: value === null || value === '[]' ? 'not set' : 'set, never shown' }), '')
  if (many) {
    const text = shownOf(setting)
    return plain(h('textarea', { rows: Math.min(8, Math.max(2, text.split('\n').length + 1)), spellcheck: 'false', autocomplete: 'off', placeholder: 'none; one on each line' }), text)
  }
  if (kind === 'switch') return plain(select([['true', 'on'], ['false', 'off']], ''), shownOf(setting))
  if (choices.length > 0) return choiceOf(setting)
  return plain(h('input', { type: 'text', spellcheck: 'false', autocomplete: 'off', inputmode: kind === 'number' || kind === 'percent' ? 'decimal' : null, placeholder: 'not set' }), shownOf(setting))
}

/** @param {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} control @param {string} text @returns {Control} */
function plain (control, text) {
  control.value = text
  return { control, more: null, text: () => control.value, set: text => { control.value = text } }
}

/** A choice list; where other values are allowed as well, the last choice opens a field for one. @param {Setting} setting @returns {Control} */
function choiceOf (setting) {
  const { choices, other_values: hasOthers } = setting
  const options = choices.map(choice => /** @type {[string, string]} */ ([choice, choice]))
  const list = select(hasOthers ? [...options, [OTHER, 'another value …']] : options, '')
  if (!hasOthers) return plain(list, shownOf(setting))
  const other = h('input', { type: 'text', class: 'control', spellcheck: 'false', autocomplete: 'off', 'aria-label': 'Another value' })
  const show = () => { other.hidden = list.value !== OTHER }
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
  return { control: list, more: other, set, text: () => list.value === OTHER ? other.value : list.value }
}
