// @ts-check
// <dashboard-alerts>: the alert rules with their state, the alerts of the last 30 days, silences, and the receivers of
// notifications.

import { button, define, h, setText } from '../../common/dom.js'
import { poll } from '../core/poll.js'
import { MessageLine, Toast } from '../elements/message.js'
import { card, confirmed, dataWarning, hint } from '../elements/parts.js'
import { openRule } from '../elements/rule-form.js'
import { openSilence } from '../elements/silence-form.js'
import { Table } from '../elements/table.js'
import { ruleText, valueText } from '../lib/alerts.js'
import { formatCount, formatSeconds, plainDoc } from '../lib/numbers.js'
import { sentence } from '../lib/texts.js'
import { formatMoment } from '../lib/times.js'
import { View } from './view.js'

/** @typedef {import('../lib/alerts.js').Rule} Rule */
/** @typedef {import('../../types/api-client').Schemas} Schemas */
/** @typedef {Schemas['AlertEvent'] & { of?: Rule }} PastAlert `of`: the rule, if it still exists */
/** @typedef {Schemas['Silence']} Silence */
/** @typedef {Schemas['SinkStatus']} Sink */

const POLL_SECONDS = 5

export class AlertsView extends View {
  #message = new MessageLine()
  #toast = new Toast()
  #rules = ruleTable(this.app, {
    edit: rule => openRule(this.app, rule, this.#onSuccess),
    silence: rule => openSilence(this.app, rule.name, this.#onSuccess),
    remove: rule => this.#remove(rule)
  })
  #unread = dataWarning(
    'The rules and silences of earlier runs cannot be read yet. Until then the default rules apply and cannot be changed. The log shows the error.'
  )
  #past = pastTable(this.app)
  #incomplete = dataWarning('Earlier alerts cannot be read at the moment.')
  #older = hint('')
  #silences = silenceTable(({ id }) =>
    this.#run(() => this.app.api.send('delete', 'alerts/silences/{id}', { path: { id } }), 'The silence has ended.')
  )
  #sinks = sinkTable()
  #reload = () => {}

  /** @override */
  build() {
    super.build()
    const add = button('New rule', () => openRule(this.app, null, this.#onSuccess), { id: 'new-rule' })
    const silenceAll = button('Silence all', () => openSilence(this.app, '*', this.#onSuccess), { id: 'silence-all' })
    const test = button('Send a test', () => this.#sendTest(), { id: 'test' })
    this.#older.hidden = true
    this.append(
      h('h1', { tabindex: -1 }, 'Alerts'),
      this.#message,
      card(
        'Rules',
        hint(
          'A rule fires when its series stays beyond the threshold for the given time. It ends when the series is back at the second threshold.'
        ),
        this.#unread,
        h('div', { class: 'buttons' }, add, silenceAll),
        this.#rules
      ),
      card('The last 30 days', this.#incomplete, this.#older, this.#past),
      card('Silences', hint('A silenced rule still fires and is shown, but sends no notifications.'), this.#silences),
      card(
        'Notifications',
        hint('The receivers are in the settings, section “alerts”.'),
        this.#sinks,
        h('div', { class: 'buttons' }, test)
      ),
      this.#toast
    )
  }

  /** @override @param {AbortSignal} signal */
  start(signal) {
    this.#reload = poll(POLL_SECONDS, () => this.#load(), signal)
  }

  async #load() {
    try {
      this.#show(await this.app.api.get('alerts'))
      this.#message.clear()
    } catch (error) {
      this.#message.showError(error)
      for (const table of [this.#rules, this.#past, this.#silences, this.#sinks]) table.showUnknown()
    }
  }

  /** @param {Schemas['AlertsResponse']} alerts */
  #show({ rules, history, history_more: hasMore, history_complete: isComplete, unread, silences, sinks }) {
    this.#rules.update(rules)
    const ruleOf = new Map(rules.map(rule => [rule.name, rule]))
    this.#past.update(history.map(entry => ({ ...entry, of: ruleOf.get(entry.rule) })))
    setText(this.#older, `The newest ${formatCount(history.length)} entries. Older ones are not shown.`)
    this.#older.hidden = !hasMore
    this.#incomplete.hidden = isComplete
    this.#unread.hidden = !unread
    this.#silences.update(silences)
    this.#sinks.update(sinks)
  }

  /** @param {string} message */
  #onSuccess = message => {
    this.#toast.showSuccess(message)
    this.#reload()
  }

  /** @param {() => Promise<unknown>} request @param {string} message of success */
  async #run(request, message) {
    try {
      await request()
      this.#onSuccess(message)
    } catch (error) {
      this.#toast.showError(error)
    }
  }

  /** Removes a rule of the operator; resets a default rule. @param {Rule} rule */
  async #remove({ name, shipped }) {
    const question = shipped
      ? { title: `Reset the rule ${name}?`, text: 'It returns to its default values.', action: 'Reset' }
      : { title: `Remove the rule ${name}?`, text: 'Its history stays.', action: 'Remove' }
    if (!(await confirmed(question))) return
    const request = () => this.app.api.send('delete', 'alerts/rules/{name}', { path: { name } })
    await this.#run(request, `The rule ${name} is ${shipped ? 'reset' : 'removed'}.`)
  }

  #sendTest() {
    return this.#run(() => this.app.api.send('post', 'alerts/test'), 'A test notification is on its way.')
  }
}

/** @param {import('../app.js').App} app @param {{ edit: (rule: Rule) => void, silence: (rule: Rule) => void, remove: (rule: Rule) => void }} actions */
const ruleTable = (app, { edit, silence, remove }) =>
  new Table(
    /** @type {import('../elements/table.js').Options<Rule>} */ ({
      name: 'Rules',
      // A new state is a new row, because `make` creates its badge once.
      key: rule =>
        [
          rule.name,
          rule.state,
          rule.severity,
          rule.enabled,
          rule.silenced_until ?? '',
          rule.changed,
          rule.problem,
          rule.doc,
          ruleText(rule, app.series)
        ].join('|'),
      sort: { by: 'state', order: 'desc' },
      empty: 'There are no rules.',
      filter: 'Find a rule',
      columns: [
        { key: 'state', label: 'State', value: rule => stateOrder(rule), make: badge },
        {
          key: 'name',
          label: 'Rule',
          value: rule => rule.name,
          make: rule =>
            h(
              'div',
              {},
              h('strong', {}, rule.name),
              h('p', { class: 'hint' }, plainDoc(rule)),
              rule.problem ? h('p', { class: 'field-error' }, sentence(rule.problem)) : null
            ),
          look: 'wide'
        },
        { key: 'when', label: 'Fires when', value: rule => ruleText(rule, app.series), look: 'wide' },
        {
          key: 'severity',
          label: 'Severity',
          value: rule => ['info', 'warning', 'critical'].indexOf(rule.severity),
          text: rule => rule.severity,
          make: rule => h('span', { class: `severity ${rule.severity}` }, rule.severity)
        },
        {
          key: 'value',
          label: 'Now',
          value: rule => rule.value,
          text: rule => valueText(rule.value, rule, app.series),
          look: 'number'
        },
        {
          key: 'actions',
          label: '',
          value: () => null,
          fixed: true,
          make: rule =>
            h(
              'div',
              { class: 'row-actions' },
              button('Edit', () => edit(rule), { kind: 'quiet', name: `Edit ${rule.name}` }),
              button('Silence', () => silence(rule), { kind: 'quiet', name: `Silence ${rule.name}` }),
              !rule.shipped
                ? button('Remove', () => remove(rule), { kind: 'quiet', name: `Remove ${rule.name}` })
                : rule.changed
                  ? button('Reset', () => remove(rule), { kind: 'quiet', name: `Reset ${rule.name}` })
                  : null
            )
        }
      ]
    })
  )

/** The order of states when sorted by state. @param {Rule} rule */
const stateOrder = rule => (!rule.enabled ? 0 : ({ ok: 1, pending: 2, firing: 3 }[rule.state] ?? 0))

/** @param {Rule} rule */
function badge(rule) {
  const state = rule.enabled ? rule.state : 'off'
  const since = state === 'pending' || state === 'firing' ? rule.since : null
  const line = (/** @type {string} */ text, /** @type {number} */ at) =>
    h('p', { class: 'hint' }, `${text} `, h('span', { class: 'moment' }, formatMoment(at)))
  return h(
    'div',
    {},
    h('span', { class: `badge ${state} ${rule.severity}` }, state),
    since !== null ? line('since', since) : null,
    rule.silenced_until ? line('silenced until', rule.silenced_until) : null
  )
}

/** @param {import('../app.js').App} app */
const pastTable = app =>
  new Table(
    /** @type {import('../elements/table.js').Options<PastAlert>} */ ({
      name: 'Alerts of the last 30 days',
      key: one => `${one.rule} ${one.at} ${one.state} ${one.of?.severity}`,
      sort: { by: 'at', order: 'desc' },
      empty: 'No rule has fired.',
      filter: 'Find an alert',
      columns: [
        { key: 'at', label: 'When', value: one => one.at, text: one => formatMoment(one.at) },
        { key: 'rule', label: 'Rule', value: one => one.rule },
        {
          key: 'state',
          label: 'State',
          value: one => one.state,
          make: one => h('span', { class: `badge ${one.state} ${one.of?.severity ?? ''}` }, one.state)
        },
        {
          key: 'value',
          label: 'Value',
          value: one => one.value,
          text: one => (one.of ? valueText(one.value, one.of, app.series) : formatCount(one.value)),
          look: 'number'
        }
      ]
    })
  )

/** @param {(silence: Silence) => void} end */
const silenceTable = end =>
  new Table(
    /** @type {import('../elements/table.js').Options<Silence>} */ ({
      name: 'Silences',
      key: one => String(one.id),
      sort: { by: 'until', order: 'asc' },
      empty: 'Nothing is silenced.',
      columns: [
        {
          key: 'rule',
          label: 'Rule',
          value: one => one.rule,
          text: one => (one.rule === '*' ? 'all rules' : one.rule)
        },
        {
          key: 'until',
          label: 'Ends in',
          value: one => one.until,
          text: one => formatSeconds(Math.max(0, Math.ceil(one.until - Date.now() / 1000))),
          look: 'number'
        },
        { key: 'comment', label: 'Why', value: one => one.comment, text: one => one.comment || '–', look: 'wide' },
        {
          key: 'end',
          label: '',
          value: () => null,
          fixed: true,
          make: one => button('End', () => end(one), { kind: 'quiet', name: `End the silence of ${one.rule}` })
        }
      ]
    })
  )

const sinkTable = () =>
  new Table(
    /** @type {import('../elements/table.js').Options<Sink>} */ ({
      name: 'Notifications',
      key: one => `${one.kind} ${one.target}`,
      sort: { by: 'target', order: 'asc' },
      empty: 'No receivers: alerts.webhook, alerts.alertmanager and alerts.chat are not set.',
      columns: [
        { key: 'kind', label: 'Kind', value: one => one.kind },
        { key: 'target', label: 'To', value: one => one.target, look: 'wide' },
        { key: 'queued', label: 'Waiting', value: one => one.queued, look: 'number' },
        { key: 'failed', label: 'Failed', value: one => one.failed, look: 'number' },
        {
          key: 'last_delivered',
          label: 'Last delivered',
          value: one => one.last_delivered,
          text: one => (one.last_delivered ? formatMoment(one.last_delivered) : 'not yet')
        },
        {
          key: 'last_error',
          label: 'Last error',
          value: one => one.last_error,
          text: one => one.last_error ?? 'none',
          look: 'wide'
        }
      ]
    })
  )

define('dashboard-alerts', AlertsView)
