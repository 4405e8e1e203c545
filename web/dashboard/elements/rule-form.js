// @ts-check
// <dashboard-rule>: the form of an alert rule, and the dialog with it. It shows the current value of the series, and
// whether the rule would fire now.

import { define, h, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { fromPercent, isInPercent, readingOf, ruleErrors, toPercent, valueText, verdictText } from '../lib/alerts.js'
import { plainDoc, UNKNOWN } from '../lib/numbers.js'
import { Field } from './field.js'
import { dialogForm } from './form-dialog.js'
import { openDialog, select } from './parts.js'

/** @typedef {import('../lib/alerts.js').Rule} Rule */
/** @typedef {import('../lib/alerts.js').RuleBody} RuleBody */
/** @typedef {RuleForm['fields']} Fields */

/** @type {RuleBody} */
const NEW_RULE = {
  doc: '',
  series: 'connections',
  of: null,
  of_min: 0,
  comparison: '>',
  threshold: 0,
  clear: 0,
  for: 60,
  keep_firing: 60,
  severity: 'warning',
  enabled: true
}

/** The server evaluates counters as a rate over this time. */
const RATE_SECONDS = 60

/** @param {import('../app.js').App} app @param {Rule | null} rule null: a new one @param {(message: string) => void} onSuccess */
export function openRule(app, rule, onSuccess) {
  const dialog = openDialog(rule ? `Rule ${rule.name}` : 'New rule', new RuleForm(app, rule, onSuccess))
  dialog.classList.add('wide')
}

class RuleForm extends SwarmElement {
  #app
  #rule
  #onSuccess
  fields
  #reading = h('p', { class: 'reading' })
  /** Screen readers read it when it changes. The reading changes each second and is silent. */
  #verdict = h('p', { class: 'verdict', role: 'status' })
  /** Whether `clear` follows the threshold. It does until the user changes it; else the alert might never end. */
  #isClearLinked

  /** @param {import('../app.js').App} app @param {Rule | null} rule @param {(message: string) => void} onSuccess */
  constructor(app, rule, onSuccess) {
    super()
    this.#app = app
    this.#rule = rule
    this.#onSuccess = onSuccess
    const body = rule ?? NEW_RULE
    this.#isClearLinked = body.clear === body.threshold
    this.fields = fieldsOf(rule?.name ?? '', body, app.series)
    this.fields.name.control.disabled = rule !== null
    if (!this.#isPercent) return
    for (const key of /** @type {const} */ (['threshold', 'clear']))
      this.fields[key].control.value = String(toPercent(body[key]))
  }

  /** @override */
  build() {
    const { threshold, clear, series, of } = this.fields
    const form = dialogForm({
      content: [
        h('div', { class: 'field-grid' }, ...Object.values(this.fields)),
        h('div', { class: 'now-line' }, this.#reading, this.#verdict)
      ],
      action: 'Save',
      submit: () => this.#save(),
      onSuccess: this.#onSuccess
    })
    form.addEventListener('input', () => this.update())
    threshold.control.addEventListener('input', () => {
      if (!this.#isClearLinked) return
      clear.control.value = threshold.control.value
    })
    clear.control.addEventListener('input', () => {
      this.#isClearLinked = false
    })
    for (const { control } of [series, of]) control.addEventListener('change', () => this.#describe())
    this.append(form)
    this.#describe()
  }

  /** @override @param {AbortSignal} signal */
  start(signal) {
    this.#app.feed.addEventListener('stats', () => this.update(), { signal })
    this.update()
  }

  /** Shows the current value, and whether the rule would fire. */
  update() {
    const body = this.#body
    const value = readingOf(body, name => this.#app.recent.now(name, RATE_SECONDS))
    const threshold = this.#isPercent ? 0 : body.threshold
    const text = valueText(value, { ...body, threshold }, this.#app.series)
    setText(this.#reading, `Now: ${text === UNKNOWN ? 'not known' : text}`)
    setText(this.#verdict, verdictText(value, body))
  }

  /** Shows the meaning of the series and the unit of both thresholds. */
  #describe() {
    const { series, of, of_min: ofMin, threshold, clear } = this.fields
    ofMin.hidden = !of.control.value
    series.setDoc(plainDoc(this.#series ?? { doc: '' }))
    threshold.setDoc(this.#unitText)
    clear.setDoc(this.#unitText)
  }

  /** @returns {Promise<string | null>} */
  async #save() {
    const name = this.#text('name')
    const body = this.#body
    const errors = ruleErrors(name, body)
    for (const [key, field] of Object.entries(this.fields)) field.setError(errors[key] ?? '')
    const invalid = Object.entries(this.fields).find(([key]) => errors[key])
    if (invalid) {
      invalid[1].control.focus()
      return null
    }
    await this.#app.api.send('put', 'alerts/rules/{name}', { path: { name }, body })
    return `The rule ${name} is saved.`
  }

  get #series() {
    return this.#app.series.find(({ name }) => name === this.fields.series.control.value)
  }

  /** Whether the thresholds are percentages. A ratio above 1 is a plain number, as in notifications. */
  get #isPercent() {
    const [name, of] = [this.fields.series.control.value, this.fields.of.control.value || null]
    const rule = this.#rule
    const isSame = rule !== null && name === rule.series && of === (rule.of ?? null)
    return isInPercent({ series: name, of, threshold: isSame ? rule.threshold : 0 }, this.#app.series)
  }

  get #unitText() {
    if (this.#isPercent) return 'In percent.'
    if (this.fields.of.control.value) return 'As a ratio of both series.'
    const { kind, unit } = this.#series ?? { kind: 'gauge', unit: '' }
    const text = [unit && `in ${unit}`, kind === 'counter' ? 'per second' : ''].filter(Boolean).join(', ')
    return text && `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
  }

  /** What the user has written, as the API takes it. @returns {RuleBody} */
  get #body() {
    return /** @type {RuleBody} */ ({
      doc: this.#text('doc'),
      series: this.#text('series'),
      of: this.#text('of') || null,
      of_min: this.#number('of_min') || 0,
      comparison: this.#text('comparison'),
      threshold: this.#threshold('threshold'),
      clear: this.#threshold('clear'),
      for: this.#number('for'),
      keep_firing: this.#number('keep_firing'),
      severity: this.#text('severity'),
      enabled: this.#text('enabled') === 'true'
    })
  }

  /** @param {keyof Fields} key */
  #text(key) {
    return this.fields[key].control.value.trim()
  }

  /** @param {keyof Fields} key */
  #number(key) {
    const text = this.#text(key)
    return text === '' ? NaN : Number(text)
  }

  /** @param {'threshold' | 'clear'} key */
  #threshold(key) {
    return this.#isPercent ? fromPercent(this.#number(key)) : this.#number(key)
  }
}

/** @param {string} name @param {RuleBody} rule @param {import('../lib/numbers.js').Series[]} series */
function fieldsOf(name, rule, series) {
  const text = (/** @type {string} */ value) => h('input', { type: 'text', value, autocomplete: 'off' })
  const number = (/** @type {number} */ value) => h('input', { type: 'number', step: 'any', value, required: true })
  const choice = (/** @type {Record<string, string>} */ options, /** @type {string} */ value) =>
    select(Object.entries(options), value)
  const names = Object.fromEntries(series.map(({ name }) => [name, name]))
  return {
    name: new Field('Name', text(name), 'Lower-case letters, digits and underscores.'),
    doc: new Field('Meaning', text(rule.doc), 'One sentence for the person on call.'),
    series: new Field('Series', choice(names, rule.series)),
    of: new Field('Divided by', choice({ '': 'nothing', ...names }, rule.of ?? ''), 'To use a ratio of two series.'),
    of_min: new Field('Least value of the divisor', number(rule.of_min ?? 0), 'Below it, the ratio has no meaning.'),
    comparison: new Field('Fires when it is', choice({ '>': 'over', '<': 'under' }, rule.comparison)),
    threshold: new Field('Threshold', number(rule.threshold)),
    clear: new Field('Ends once it is back at', number(rule.clear)),
    for: new Field('Fires after (seconds)', number(rule.for), 'Short peaks do not count.'),
    keep_firing: new Field('Keeps firing for (seconds)', number(rule.keep_firing), 'Prevents flapping.'),
    severity: new Field('Severity', choice({ info: 'info', warning: 'warning', critical: 'critical' }, rule.severity)),
    enabled: new Field('State', choice({ true: 'on', false: 'off' }, String(rule.enabled)))
  }
}

define('dashboard-rule', RuleForm)
