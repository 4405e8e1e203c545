// @ts-check
// The settings by section, to jump to, search and filter, with what is wrong beside each field; an undo, the changes as lines of
// the configuration file, and the drain of this server.

import { button, h, setText } from '../../share/elements/dom.js'
import { plural } from '../../share/lib/format.js'
import { card, confirmed, freshId, hint, messageLine } from '../elements/parts.js'
import { settingField } from '../elements/setting-field.js'
import { openToml } from '../elements/toml-dialog.js'
import { addressOf } from '../lib/routes.js'
import { changeWords, changesOf, errorsByField, groupsOf, isFound } from '../lib/settings.js'

/** @typedef {import('../lib/settings.js').Setting} Setting */
/** @typedef {import('../lib/settings.js').Section} Section */
/** @typedef {import('../core/api.js').ApiError} ApiError */
/** @typedef {ReturnType<typeof settingField>} Field */
/** @typedef {{ link: HTMLElement, count: HTMLElement, heading: HTMLElement, box: HTMLElement, settings: Setting[] }} Part */

/** @param {import('../app.js').App} app @param {string} [section] where it begins @returns {import('../app.js').View} */
export function settings (app, section = '') {
  // What was done is said beside the buttons, which are always in sight; the form is many screens long.
  const [message, trouble] = [messageLine({ isPassing: true }), messageLine()]
  const fields = h('div', { class: 'settings' }, hint('Loading …'))
  const filterId = freshId('filter')
  const filter = h('input', { type: 'search', id: filterId, class: 'control', autocomplete: 'off', spellcheck: 'false', placeholder: 'Find a setting', oninput: () => show() })
  const differing = h('input', { type: 'checkbox', onchange: () => show() })
  const found = h('p', { class: 'hint', role: 'status' })
  const nav = h('div', { class: 'section-nav', role: 'group', 'aria-label': 'Sections of the settings' })
  const changed = h('p', { class: 'hint', role: 'status' })
  const save = h('button', { type: 'submit', class: 'button primary' }, 'Save changes')
  const undo = button('Undo the last change', () => takeBack(), { id: 'undo' })
  const toml = button('Show as TOML', () => openToml(known, unsaved()), { id: 'toml' })
  const reset = button('Discard', () => {
    message.clear()
    draw()
  }, { id: 'discard' })
  const foot = h('div', { class: 'form-foot', hidden: true }, message.element, changed, h('div', { class: 'buttons' }, save, reset, undo, toml))
  const form = h('form', { class: 'form', novalidate: true }, fields, foot)
  const leave = drainCard(app)
  const isDown = () => app.feed.state.mode === 'down'
  /** @type {Setting[]} */
  let known = []
  /** @type {Section[]} */
  let sections = []
  let canUndo = false
  let isLoading = false
  /** @type {Map<string, Field>} */
  const controls = new Map()
  /** @type {Map<string, Part>} */
  const parts = new Map()
  const edited = () => changesOf(known, key => controls.get(key)?.text())
  const unsaved = () => {
    const { changes, errors } = edited()
    return changes.size + errors.size
  }

  async function load () {
    isLoading = true
    try {
      const answer = await app.api.get('settings')
      known = answer.settings
      sections = answer.sections
      canUndo = answer.can_undo
      trouble.clear()
      const isFirst = parts.size === 0
      draw()
      if (isFirst && section) jump(section)
    } catch (error) {
      trouble.failed(error)
      if (known.length === 0) fields.replaceChildren(hint('Not known yet.'))
    } finally {
      isLoading = false
    }
  }

  function draw () {
    controls.clear()
    parts.clear()
    for (const { name, doc, settings } of groupsOf(known, sections)) parts.set(name, partOf(name, doc, settings))
    fields.replaceChildren(...[...parts.values()].map(({ box }) => box))
    nav.replaceChildren(h('ul', {}, ...[...parts.values()].map(({ link }) => h('li', {}, link))))
    foot.hidden = false
    count()
    show()
  }

  /** @param {string} name @param {string} doc @param {Setting[]} settings @returns {Part} */
  function partOf (name, doc, settings) {
    const heading = h('h3', { tabindex: -1 }, name)
    const count = h('span', { class: 'nav-count' })
    const boxes = settings.map(setting => {
      const made = settingField(setting)
      controls.set(setting.key, made)
      return made.box
    })
    const box = h('fieldset', { class: 'setting-group' }, h('legend', {}, heading), h('p', { class: 'hint section-doc' }, doc), ...boxes)
    return { link: h('a', { href: addressOf('settings', name) }, name, ' ', count), count, heading, box, settings }
  }

  function count () {
    const number = unsaved()
    setText(changed, (number ? `${plural(number, 'setting')} changed, not saved yet.` : '') + (isDown() ? ' Nothing can be saved while the tracker does not answer.' : ''))
    reset.disabled = number === 0
    save.disabled = number === 0 || isDown()
    undo.disabled = !canUndo || isDown()
  }

  /** Only those that hold what was typed, and that differ from the default if that is wanted. */
  function show () {
    let all = 0
    for (const { box, link, count, settings } of parts.values()) {
      let shown = 0
      for (const setting of settings) {
        const isShown = isFound(setting, filter.value) && !(differing.checked && setting.is_default)
        const control = controls.get(setting.key)
        if (control) control.box.hidden = !isShown
        if (isShown) shown++
      }
      all += shown
      box.hidden = shown === 0
      const item = link.parentElement
      if (item) item.hidden = shown === 0
      setText(count, String(shown))
    }
    setText(found, all === 0 ? 'No setting is like that.' : all === known.length ? '' : `${all} of ${plural(known.length, 'setting')}.`)
  }

  function showAll () {
    filter.value = ''
    differing.checked = false
    show()
  }

  /** To a section, whatever is filtered. @param {string} name */
  function jump (name) {
    const part = parts.get(name)
    if (!part) return
    if (part.box.hidden) showAll()
    part.heading.focus({ preventScroll: true })
    part.box.scrollIntoView()
  }

  /** @param {Map<string, string>} errors by key */
  function showErrors (errors) {
    for (const [key, { fail }] of controls) fail(errors.get(key) ?? '')
    const first = [...controls.keys()].find(key => errors.has(key))
    if (!first) return
    if (controls.get(first)?.box.hidden) showAll()
    controls.get(first)?.control.focus()
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
      showErrors(byKey)
      message.failed(byKey.size ? ['Nothing was changed.', ...rest].join(' ') : error)
    }
  }

  async function takeBack () {
    await change(() => app.api.send('POST', 'settings/undo'), 'The last change is taken back.')
  }

  form.addEventListener('input', count)
  form.addEventListener('change', count)
  form.addEventListener('submit', event => {
    event.preventDefault()
    const { changes, errors } = edited()
    showErrors(errors)
    if (errors.size) return message.failed(`Nothing was changed: ${plural(errors.size, 'field')} cannot be read.`)
    const wanted = Object.fromEntries([...changes].map(([key, { toml }]) => [key, toml]))
    if (changes.size) change(() => app.api.send('PATCH', 'settings', wanted), `Changed: ${changeWords(known, changes).join('; ')}.`)
  })

  return {
    element: h('div', { class: 'view' }, h('h1', { tabindex: -1 }, 'Settings'),
      card('All settings',
        hint('Changes last until the server starts again or its configuration is read again (SIGHUP). “Show as TOML” gives the lines that keep them. An empty field means the default.'),
        h('div', { class: 'table-tools' }, h('label', { for: filterId, class: 'visually-hidden' }, 'Find a setting'), filter,
          h('label', { class: 'check' }, differing, 'Only what differs from the default')),
        found, trouble.element, h('div', { class: 'settings-parts' }, nav, form)),
      leave.element),
    update () {
      count()
      leave.update()
      // It is back.
      if (known.length === 0 && !isLoading && app.feed.state.mode === 'live') load()
    },
    jump,
    open () { load() }
  }
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
