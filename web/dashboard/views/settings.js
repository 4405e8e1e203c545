// @ts-check
// The settings as a form, with what is wrong beside each field, an undo, and the drain of this server.

import { button, h, setText } from '../../share/elements/dom.js'
import { card, confirmed, field, freshId, hint, messageLine, select } from '../elements/parts.js'
import { plural } from '../../share/lib/format.js'
import { plainDoc } from '../lib/numbers.js'
import { changeWords, changesOf, errorsByField, groupsOf, shownOf } from '../lib/settings.js'

/** @typedef {import('../lib/settings.js').Setting} Setting */
/** @typedef {import('../core/api.js').ApiError} ApiError */

/** @param {import('../app.js').App} app @returns {import('../app.js').View} */
export function settings (app) {
  const message = messageLine()
  const fields = h('div', { class: 'settings' }, hint('Loading …'))
  const filterId = freshId('filter')
  const filter = h('input', { type: 'search', id: filterId, class: 'control', autocomplete: 'off', spellcheck: 'false', placeholder: 'Find a setting', oninput: () => show() })
  const changed = h('p', { class: 'hint', role: 'status' })
  const save = h('button', { type: 'submit', class: 'button primary' }, 'Save changes')
  const undo = button('Undo the last change', () => takeBack(), { id: 'undo' })
  const reset = button('Discard', () => draw(), { id: 'discard' })
  const foot = h('div', { class: 'form-foot', hidden: true }, changed, h('div', { class: 'buttons' }, save, reset, undo))
  const form = h('form', { class: 'form' }, fields, foot)
  const leave = drainCard(app)
  const isDown = () => app.feed.state.mode === 'down'
  /** @type {Setting[]} */
  let known = []
  let canUndo = false
  let isLoading = false
  /** @type {Map<string, { box: HTMLElement, control: HTMLInputElement | HTMLSelectElement, fail: (text: string) => void }>} */
  const controls = new Map()
  const changes = () => changesOf(known, key => controls.get(key)?.control.value)

  async function load () {
    isLoading = true
    try {
      const answer = await app.api.get('settings')
      known = answer.settings
      canUndo = answer.can_undo
      message.clear()
      draw()
    } catch (error) {
      message.failed(error)
      if (known.length === 0) fields.replaceChildren(hint('Not known yet.'))
    } finally {
      isLoading = false
    }
  }

  function draw () {
    controls.clear()
    const groups = groupsOf(known).map(({ name, settings }) => h('fieldset', { class: 'setting-group' },
      h('legend', {}, name || 'general'), ...settings.map(setting => {
        const made = controlOf(setting)
        controls.set(setting.key, made)
        return made.box
      })))
    fields.replaceChildren(...groups)
    foot.hidden = false
    count()
    show()
  }

  function count () {
    const number = Object.keys(changes()).length
    setText(changed, (number ? `${plural(number, 'setting')} changed, not saved yet.` : '') + (isDown() ? ' Nothing can be saved while the tracker does not answer.' : ''))
    reset.disabled = number === 0
    save.disabled = number === 0 || isDown()
    undo.disabled = !canUndo || isDown()
  }

  /** Only those that hold what was typed. */
  function show () {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean)
    for (const { key, doc } of known) {
      const box = controls.get(key)?.box
      const text = `${key} ${doc}`.toLowerCase()
      if (box) box.hidden = !words.every(word => text.includes(word))
    }
    for (const group of fields.querySelectorAll('fieldset')) group.hidden = !group.querySelector('.field:not([hidden])')
  }

  /** @param {() => Promise<unknown>} act @param {string} done */
  async function change (act, done) {
    try {
      await act()
      await load()
      message.done(done)
    } catch (error) {
      const { errors = [], message: whole = '' } = /** @type {ApiError} */ (error)
      const { fields: byKey, rest } = errorsByField(errors.length ? errors : [whole], [...controls.keys()])
      for (const [key, { fail }] of controls) fail(byKey.get(key) ?? '')
      if (byKey.size === 0) return message.failed(error)
      message.failed(['Nothing was changed.', ...rest].join(' '))
      filter.value = ''
      show()
      controls.get([...byKey.keys()][0] ?? '')?.control.focus()
    }
  }

  async function takeBack () {
    await change(() => app.api.send('POST', 'settings/undo'), 'The last change is taken back.')
  }

  form.addEventListener('input', count)
  form.addEventListener('submit', event => {
    event.preventDefault()
    const wanted = changes()
    const words = changeWords(known, wanted)
    if (words.length) change(() => app.api.send('PATCH', 'settings', wanted), `Changed: ${words.join('; ')}.`)
  })

  return {
    element: h('div', { class: 'view' }, h('h1', { tabindex: -1 }, 'Settings'),
      card('Settings',
        hint('Written as in the settings file. Changes hold until the server restarts or its file is read again (SIGHUP): to keep them, write them into the file too. An empty field unsets.'),
        h('div', { class: 'table-tools' }, h('label', { for: filterId, class: 'visually-hidden' }, 'Find a setting'), filter),
        message.element, form),
      leave.element),
    update () {
      count()
      leave.update()
      // It is back.
      if (known.length === 0 && !isLoading && app.feed.state.mode === 'live') load()
    },
    open () { load() }
  }
}

/** @param {Setting} setting */
function controlOf ({ key, value, doc, bounds, live, secret, changed }) {
  const words = [plainDoc({ doc }), bounds ? `${/^\d/.test(bounds) ? 'From ' : ''}${bounds}.` : '', live ? '' : 'Needs a restart.'].filter(Boolean).join(' ')
  const isBoolean = value === 'true' || value === 'false'
  const control = isBoolean
    ? select([['true', 'true'], ['false', 'false']], value)
    : h('input', { type: secret ? 'password' : 'text', value: shownOf({ key, value, doc, bounds, live, secret, changed }), autocomplete: secret ? 'new-password' : 'off', spellcheck: 'false', placeholder: secret ? value === null ? 'not set' : 'set, never shown' : live ? 'not set' : '' })
  control.disabled = !live
  const made = field(key, control, words)
  made.box.classList.toggle('changed', changed)
  if (changed) made.box.querySelector('label')?.append(h('span', { class: 'mark' }, 'changed here'))
  return made
}

/** @param {import('../app.js').App} app */
function drainCard (app) {
  const message = messageLine()
  let isLeaving = false
  const drain = button('Drain this server', async () => {
    const isSure = await confirmed({
      title: 'Drain this server?',
      text: 'It takes no new connections from now on, closes those it has one after the other, and then ends. This cannot be taken back; only a start of the server brings it back.',
      action: 'Drain'
    })
    if (!isSure) return
    try {
      await app.api.send('POST', 'drain')
      isLeaving = true
      update()
      message.done('The server is leaving.')
    } catch (error) {
      message.failed(error)
    }
  }, { kind: 'danger', id: 'drain' })
  // There is nothing to drain where nothing answers.
  const update = () => { drain.disabled = isLeaving || app.feed.state.mode === 'down' }
  const element = card('Leave', hint('As SIGTERM does: browsers move to another server, if there is one, without noticing much.'), message.element, h('div', { class: 'buttons' }, drain))
  return { element, update }
}
