// @ts-check
// The dialog in which an alert rule is written or changed.

import { button, h, setText } from '../../share/elements/dom.js'
import { fromPercent, isInPercent, readingOf, ruleErrors, toPercent, valueWords, verdictWords } from '../lib/alerts.js'
import { UNKNOWN, plainDoc } from '../lib/numbers.js'
import { troubleOf } from '../lib/texts.js'
import { field, openDialog, select } from './parts.js'

/** @typedef {import('../lib/alerts.js').Rule} Rule */
/** @typedef {import('../lib/alerts.js').RuleBody} RuleBody */

/** @type {RuleBody} */
const FRESH = { doc: '', series: 'connections', comparison: '>', threshold: 0, clear: 0, for: 60, keep_firing: 60, severity: 'warning', enabled: true }

/** Rules look at counters over this time. */
const RATE_SECONDS = 60

/** @param {import('../app.js').App} app @param {Rule | null} rule null for a new one @param {(text: string) => void} saved */
export function openRule (app, rule, saved) {
  const from = rule ?? FRESH
  const text = (/** @type {string} */ value) => h('input', { type: 'text', value, autocomplete: 'off' })
  const number = (/** @type {number} */ value) => h('input', { type: 'number', step: 'any', value, required: true })
  const series = select(app.series.map(({ name }) => [name, name]), from.series)
  const meaning = () => app.series.find(({ name }) => name === series.value)
  const doc = () => plainDoc(meaning() ?? { doc: '' })
  // More than all is a number, as in notifications.
  const isPercent = () => {
    const [name, of] = [series.value, fields.of.control.value || null]
    const isSame = rule !== null && name === rule.series && of === (rule.of ?? null)
    return isInPercent({ series: name, of, threshold: isSame ? rule.threshold : 0 }, app.series)
  }
  const unit = () => {
    if (isPercent()) return 'In percent.'
    if (fields.of.control.value) return 'So many for each of the other.'
    const { kind, unit } = meaning() ?? { kind: 'gauge', unit: '' }
    const words = [unit && `in ${unit}`, kind === 'counter' ? 'in a second' : ''].filter(Boolean).join(', ')
    return words && `${words.charAt(0).toUpperCase()}${words.slice(1)}.`
  }
  const fields = {
    name: field('Name', text(rule?.name ?? ''), 'Small letters, digits and underscores.'),
    doc: field('Meaning', text(from.doc), 'One sentence for whoever is woken by it.'),
    series: field('Series', series, doc()),
    of: field('Divided by', select([['', 'nothing'], ...app.series.map(({ name }) => /** @type {[string, string]} */ ([name, name]))], from.of ?? ''), 'To look at a part of something.'),
    of_min: field('At least so much of that', number(from.of_min ?? 0), 'With less, the part says nothing.'),
    comparison: field('Fires when it is', select([['>', 'over'], ['<', 'under']], from.comparison)),
    threshold: field('Threshold', number(from.threshold), 'unit'),
    clear: field('Ends once it is back at', number(from.clear), 'unit'),
    for: field('Fires after so many seconds', number(from.for), 'Short peaks do not count.'),
    keep_firing: field('Keeps firing for so many seconds', number(from.keep_firing), 'After it is back, so that it does not come and go.'),
    severity: field('Severity', select([['info', 'info'], ['warning', 'warning'], ['critical', 'critical']], from.severity)),
    enabled: field('State', select([['true', 'on'], ['false', 'off']], String(from.enabled)))
  }
  fields.name.control.disabled = rule !== null
  if (isPercent()) for (const key of /** @type {const} */ (['threshold', 'clear'])) fields[key].control.value = String(toPercent(from[key]))
  const reading = h('p', { class: 'reading' })
  // Read out when it changes; the number beside it changes each second.
  const verdict = h('p', { class: 'verdict', role: 'status' })
  const explain = () => {
    fields.of_min.box.hidden = !fields.of.control.value
    for (const [key, words] of [['series', doc()], ['threshold', unit()], ['clear', unit()]]) {
      const line = fields[/** @type {'series'} */ (key)].box.querySelector('.hint')
      if (line) line.textContent = words ?? ''
    }
  }
  // Until it is given for itself, or the alert would go on when the number is long back.
  let follows = from.clear === from.threshold
  fields.threshold.control.addEventListener('input', () => { if (follows) fields.clear.control.value = fields.threshold.control.value })
  fields.clear.control.addEventListener('input', () => { follows = false })
  series.addEventListener('change', explain)
  fields.of.control.addEventListener('change', explain)
  explain()
  const look = () => {
    const body = bodyOf()
    const value = readingOf(body, name => app.recent.now(name, RATE_SECONDS))
    const words = valueWords(value, { ...body, threshold: isPercent() ? 0 : body.threshold }, app.series)
    setText(reading, `Now: ${words === UNKNOWN ? 'not known' : words}`)
    setText(verdict, verdictWords(value, body))
  }
  const trouble = h('p', { class: 'message bad', role: 'alert' })
  const save = h('button', { type: 'submit', class: 'button primary' }, 'Save')
  const form = h('form', { class: 'form', novalidate: true }, h('div', { class: 'field-grid' }, ...Object.values(fields).map(({ box }) => box)),
    h('div', { class: 'now-line' }, reading, verdict), trouble,
    h('div', { class: 'buttons dialog-buttons' }, button('Cancel', () => dialog.close()), save))
  const value = (/** @type {keyof typeof fields} */ key) => fields[key].control.value.trim()
  const amount = (/** @type {keyof typeof fields} */ key) => value(key) === '' ? NaN : Number(value(key))
  const limit = (/** @type {'threshold' | 'clear'} */ key) => isPercent() ? fromPercent(amount(key)) : amount(key)
  const bodyOf = () => /** @type {RuleBody} */ ({
    doc: value('doc'), series: value('series'), of: value('of') || null, of_min: amount('of_min') || 0, comparison: value('comparison'), threshold: limit('threshold'), clear: limit('clear'),
    for: amount('for'), keep_firing: amount('keep_firing'), severity: value('severity'), enabled: value('enabled') === 'true'
  })
  form.addEventListener('input', look)
  app.feed.addEventListener('stats', look)
  look()

  form.addEventListener('submit', async event => {
    event.preventDefault()
    const body = bodyOf()
    const errors = ruleErrors(value('name'), body)
    for (const [key, { fail }] of Object.entries(fields)) fail(errors[key] ?? '')
    const first = /** @type {keyof typeof fields | undefined} */ (Object.keys(fields).find(key => errors[key]))
    if (first) return fields[first].control.focus()
    save.disabled = true
    try {
      await app.api.send('PUT', `alerts/rules/${encodeURIComponent(value('name'))}`, body)
      dialog.close()
      saved(`The rule ${value('name')} is saved.`)
    } catch (error) {
      trouble.textContent = troubleOf(error)
    } finally {
      save.disabled = false
    }
  })
  const dialog = openDialog(rule ? `Rule ${rule.name}` : 'New rule', form)
  dialog.classList.add('wide')
  dialog.addEventListener('close', () => app.feed.removeEventListener('stats', look))
}
