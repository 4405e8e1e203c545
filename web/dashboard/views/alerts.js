// @ts-check
// The alert rules with their state, the alerts of the last 30 days, silences, and where notifications go.

import { button, h, setText } from '../../share/elements/dom.js'
import { watch } from '../core/watch.js'
import { actionLine, card, confirmed, hint, messageLine } from '../elements/parts.js'
import { openRule } from '../elements/rule-form.js'
import { openSilence } from '../elements/silence-form.js'
import { Table } from '../elements/table.js'
import { ruleWords, valueWords } from '../lib/alerts.js'
import { formatCount, formatSeconds, plainDoc } from '../lib/numbers.js'
import { sentence } from '../lib/texts.js'
import { formatMoment } from '../lib/times.js'

/** @typedef {import('../lib/alerts.js').Rule} Rule */
/** @typedef {{ rule: string, at: number, state: string, value: number | null, of?: Rule }} Past `of`: the rule, if it is still there */
/** @typedef {{ id: number | string, rule: string, until: number, comment: string }} Silence */
/** @typedef {{ kind: string, target: string, queued: number, failed: number, last_error: string | null, last_delivered: number | null }} Sink */

const EVERY_SECONDS = 5

/** @param {import('../app.js').App} app @returns {import('../app.js').View} */
export function alerts (app) {
  const [message, trouble] = [actionLine(), messageLine()]
  /** @type {ReturnType<typeof watch> | null} */
  let asking = null

  /** @param {() => Promise<unknown>} act @param {string} done */
  async function act (act, done) {
    try {
      await act()
      message.done(done)
      asking?.now()
    } catch (error) {
      message.failed(error)
    }
  }
  const saved = (/** @type {string} */ text) => {
    message.done(text)
    asking?.now()
  }
  const rules = ruleTable(app, {
    edit: rule => openRule(app, rule, saved),
    silence: rule => openSilence(app, rule.name, saved),
    async remove (rule) {
      const question = rule.shipped
        ? { title: `Reset the rule ${rule.name}?`, text: 'It becomes what it was when the server came.', action: 'Reset' }
        : { title: `Remove the rule ${rule.name}?`, text: 'Its history stays.', action: 'Remove' }
      if (await confirmed(question)) act(() => app.api.send('DELETE', `alerts/rules/${encodeURIComponent(rule.name)}`), `The rule ${rule.name} is ${rule.shipped ? 'as it was' : 'removed'}.`)
    }
  })
  const silences = silenceTable(silence => act(() => app.api.send('DELETE', `alerts/silences/${encodeURIComponent(silence.id)}`), 'The silence has ended.'))
  const past = pastTable(app)
  const unread = hint('The rules and silences of earlier runs cannot be read yet: the shipped rules are in force, and none can be changed until then. The log says what is wrong with the history.', { class: 'field-error', role: 'status' })
  const partial = hint('What happened before cannot be read at the moment.', { class: 'field-error', role: 'status' })
  const older = hint('')
  unread.hidden = partial.hidden = older.hidden = true
  const sinks = sinkTable()

  async function ask () {
    try {
      const answer = await app.api.get('alerts')
      rules.setRows(answer.rules)
      const byName = new Map(answer.rules.map((/** @type {Rule} */ rule) => [rule.name, rule]))
      past.setRows(answer.history.map((/** @type {Past} */ one) => ({ ...one, of: byName.get(one.rule) })))
      setText(older, answer.history_more ? `The newest ${formatCount(answer.history.length)}; there are older ones, which are not shown.` : '')
      older.hidden = !answer.history_more
      unread.hidden = !answer.unread
      partial.hidden = answer.history_complete !== false
      silences.setRows(answer.silences)
      sinks.setRows(answer.sinks)
      trouble.clear()
    } catch (error) {
      trouble.failed(error)
      for (const table of [rules, past, silences, sinks]) table.fail()
    }
  }
  const silenceAll = button('Silence all', () => openSilence(app, '*', saved), { id: 'silence-all' })
  const add = button('New rule', () => openRule(app, null, saved), { id: 'new-rule' })
  const test = button('Send a test', () => act(() => app.api.send('POST', 'alerts/test'), 'A test notification is on its way.'), { id: 'test' })
  return {
    element: h('div', { class: 'view' }, h('h1', { tabindex: -1 }, 'Alerts'), trouble.element,
      card('Rules', hint('A rule fires when its series has been beyond the threshold for long enough, and ends once it is back at the second threshold.'), unread, h('div', { class: 'buttons' }, add, silenceAll), rules.element),
      card('The last 30 days', partial, older, past.element),
      card('Silences', hint('A silenced rule still fires and is shown; nobody is notified.'), silences.element),
      card('Notifications', hint('Where they go is set in the settings, in the part alerts.'), sinks.element, h('div', { class: 'buttons' }, test)),
      message.element),
    open () { asking = watch(EVERY_SECONDS, ask) },
    close () { asking?.end() }
  }
}

/** @param {import('../app.js').App} app @param {{ edit: (rule: Rule) => void, silence: (rule: Rule) => void, remove: (rule: Rule) => void }} actions */
const ruleTable = (app, { edit, silence, remove }) => new Table(/** @type {import('../elements/table.js').Options<Rule>} */ ({
  name: 'Rules',
  // A state of its own is a row of its own, as its badge is made once.
  key: rule => [rule.name, rule.state, rule.severity, rule.enabled, rule.silenced_until ?? '', rule.changed, rule.problem, rule.doc, ruleWords(rule, app.series)].join('|'),
  sort: { by: 'state', order: 'desc' },
  empty: 'There are no rules.',
  filter: 'Find a rule',
  columns: [
    { key: 'state', label: 'State', value: rule => stateOrder(rule), make: badge },
    { key: 'name', label: 'Rule', value: rule => rule.name, make: rule => h('div', {}, h('strong', {}, rule.name), h('p', { class: 'hint' }, plainDoc(rule)), rule.problem ? h('p', { class: 'field-error' }, sentence(rule.problem)) : null), look: 'wide' },
    { key: 'when', label: 'Fires when', value: rule => ruleWords(rule, app.series), look: 'wide' },
    { key: 'severity', label: 'Severity', value: rule => ['info', 'warning', 'critical'].indexOf(rule.severity), text: rule => rule.severity, make: rule => h('span', { class: `severity ${rule.severity}` }, rule.severity) },
    { key: 'value', label: 'Now', value: rule => rule.value, text: rule => valueWords(rule.value, rule, app.series), look: 'number' },
    {
      key: 'actions',
      label: '',
      value: () => null,
      fixed: true,
      make: rule => h('div', { class: 'row-actions' },
        button('Edit', () => edit(rule), { kind: 'quiet', name: `Edit ${rule.name}` }),
        button('Silence', () => silence(rule), { kind: 'quiet', name: `Silence ${rule.name}` }),
        !rule.shipped ? button('Remove', () => remove(rule), { kind: 'quiet', name: `Remove ${rule.name}` }) : rule.changed ? button('Reset', () => remove(rule), { kind: 'quiet', name: `Reset ${rule.name}` }) : null)
    }
  ]
}))

/** @param {Rule} rule */
const stateOrder = rule => !rule.enabled ? 0 : { ok: 1, pending: 2, firing: 3 }[rule.state] ?? 0

/** @param {Rule} rule */
function badge (rule) {
  const state = rule.enabled ? rule.state : 'off'
  const since = state === 'pending' || state === 'firing' ? rule.since : null
  const line = (/** @type {string} */ words, /** @type {number} */ at) => h('p', { class: 'hint' }, `${words} `, h('span', { class: 'moment' }, formatMoment(at)))
  return h('div', {}, h('span', { class: `badge ${state} ${rule.severity}` }, state),
    since !== null ? line('since', since) : null,
    rule.silenced_until ? line('silenced until', rule.silenced_until) : null)
}

/** @param {import('../app.js').App} app */
const pastTable = app => new Table(/** @type {import('../elements/table.js').Options<Past>} */ ({
  name: 'Alerts of the last 30 days',
  key: one => `${one.rule} ${one.at} ${one.state} ${one.of?.severity}`,
  sort: { by: 'at', order: 'desc' },
  empty: 'No rule has fired.',
  filter: 'Find an alert',
  columns: [
    { key: 'at', label: 'When', value: one => one.at, text: one => formatMoment(one.at) },
    { key: 'rule', label: 'Rule', value: one => one.rule },
    { key: 'state', label: 'What', value: one => one.state, make: one => h('span', { class: `badge ${one.state} ${one.of?.severity ?? ''}` }, one.state) },
    { key: 'value', label: 'Value', value: one => one.value, text: one => one.of ? valueWords(one.value, one.of, app.series) : formatCount(one.value), look: 'number' }
  ]
}))

/** @param {(silence: Silence) => void} end */
const silenceTable = end => new Table(/** @type {import('../elements/table.js').Options<Silence>} */ ({
  name: 'Silences',
  key: one => String(one.id),
  sort: { by: 'until', order: 'asc' },
  empty: 'Nothing is silenced.',
  columns: [
    { key: 'rule', label: 'Rule', value: one => one.rule, text: one => one.rule === '*' ? 'all rules' : one.rule },
    { key: 'until', label: 'Ends in', value: one => one.until, text: one => formatSeconds(Math.max(0, Math.ceil(one.until - Date.now() / 1000))), look: 'number' },
    { key: 'comment', label: 'Why', value: one => one.comment, text: one => one.comment || '–', look: 'wide' },
    { key: 'end', label: '', value: () => null, fixed: true, make: one => button('End', () => end(one), { kind: 'quiet', name: `End the silence of ${one.rule}` }) }
  ]
}))

const sinkTable = () => new Table(/** @type {import('../elements/table.js').Options<Sink>} */ ({
  name: 'Notifications',
  key: one => `${one.kind} ${one.target}`,
  sort: { by: 'target', order: 'asc' },
  empty: 'Nobody is notified: none of alerts.webhook, alerts.alertmanager and alerts.chat is set.',
  columns: [
    { key: 'kind', label: 'Kind', value: one => one.kind },
    { key: 'target', label: 'To', value: one => one.target, look: 'wide' },
    { key: 'queued', label: 'Waiting', value: one => one.queued, look: 'number' },
    { key: 'failed', label: 'Failed', value: one => one.failed, look: 'number' },
    { key: 'last_delivered', label: 'Last delivered', value: one => one.last_delivered, text: one => one.last_delivered ? formatMoment(one.last_delivered) : 'not yet' },
    { key: 'last_error', label: 'Last error', value: one => one.last_error, text: one => one.last_error ?? 'none', look: 'wide' }
  ]
}))
