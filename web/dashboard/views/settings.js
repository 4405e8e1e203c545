// @ts-check
// <dashboard-settings>: the settings by section, with search, errors beside their fields, undo, the changes as TOML, and
// the drain of this server.

import { button, define, h, setText } from '../../common/dom.js'
import { plural } from '../../common/format.js'
import { DrainControl } from '../elements/drain.js'
import { MessageLine } from '../elements/message.js'
import { card, freshId, hint } from '../elements/parts.js'
import { SettingField } from '../elements/setting-field.js'
import { openToml } from '../elements/toml-dialog.js'
import { addressOf } from '../lib/routes.js'
import { changesOf, changeTexts, errorsByField, groupsOf, isFound } from '../lib/settings.js'
import { View } from './view.js'

/** @typedef {import('../lib/settings.js').Setting} Setting */
/** @typedef {import('../core/api.js').ApiError} ApiError */
/** @typedef {{ link: HTMLElement, count: HTMLElement, heading: HTMLElement, box: HTMLElement, settings: Setting[] }} Section */

const INTRODUCTION =
  'Changes last until a restart or a reload of the configuration (SIGHUP). “Show as TOML” gives the lines that make them permanent. An empty field means the default.'

export class SettingsView extends View {
  /** The section to show after the first load. */
  #firstSection
  #loadMessage = new MessageLine()
  #filter = h('input', {
    type: 'search',
    id: freshId('filter'),
    class: 'control',
    autocomplete: 'off',
    spellcheck: 'false',
    placeholder: 'Find a setting',
    oninput: () => this.#applyFilter()
  })
  #onlyChanged = h('input', { type: 'checkbox', onchange: () => this.#applyFilter() })
  #found = h('p', { class: 'hint', role: 'status' })
  #nav = h('div', { class: 'section-nav', role: 'group', 'aria-label': 'Sections of the settings' })
  #sectionBoxes = h('div', { class: 'settings' }, hint('Loading …'))
  /** Beside the buttons, which are always visible; the form is many screens long. */
  #message = new MessageLine({ isTransient: true })
  #unsavedText = h('p', { class: 'hint', role: 'status' })
  #save = h('button', { type: 'submit', class: 'button primary' }, 'Save changes')
  #discard = button('Discard', () => this.#discardEdits(), { id: 'discard' })
  #undo = button('Undo the last change', () => this.#undoChange(), { id: 'undo' })
  #foot = h('div', { class: 'form-foot', hidden: true })
  #drain = new DrainControl(this.app)
  /** @type {Setting[]} */
  #settings = []
  /** The names and descriptions of the sections. @type {import('../lib/settings.js').Section[]} */
  #sectionDocs = []
  #canUndo = false
  #isLoading = false
  /** By key. @type {Map<string, SettingField>} */
  #fields = new Map()
  /** By name. @type {Map<string, Section>} */
  #sections = new Map()

  /** @param {import('../app.js').App} app @param {string} [section] to show first */
  constructor(app, section = '') {
    super(app)
    this.#firstSection = section
  }

  /** @override */
  build() {
    super.build()
    const toml = button('Show as TOML', () => openToml(this.#settings, this.#unsavedCount), { id: 'toml' })
    const buttons = h('div', { class: 'buttons' }, this.#save, this.#discard, this.#undo, toml)
    this.#foot.append(this.#message, this.#unsavedText, buttons)
    const form = h('form', { class: 'form', novalidate: true }, this.#sectionBoxes, this.#foot)
    for (const type of ['input', 'change']) form.addEventListener(type, () => this.#updateFoot())
    form.addEventListener('submit', event => {
      event.preventDefault()
      this.#submit()
    })
    this.append(
      h('h1', { tabindex: -1 }, 'Settings'),
      card(
        'All settings',
        hint(INTRODUCTION),
        h(
          'div',
          { class: 'table-tools' },
          h('label', { for: this.#filter.id, class: 'visually-hidden' }, 'Find a setting'),
          this.#filter,
          h('label', { class: 'check' }, this.#onlyChanged, 'Only settings that differ from the default')
        ),
        this.#found,
        this.#loadMessage,
        h('div', { class: 'settings-parts' }, this.#nav, form)
      ),
      card('Drain', this.#drain)
    )
  }

  /** @override */
  start() {
    this.#load()
  }

  /** @override */
  update() {
    this.#updateFoot()
    this.#drain.update()
    // The server answers again.
    if (this.#settings.length === 0 && !this.#isLoading && this.app.feed.state.mode === 'live') this.#load()
  }

  /** Shows a section, even if the filter hides it. @override @param {string} name */
  showSection(name) {
    const section = this.#sections.get(name)
    if (!section) return
    if (section.box.hidden) this.#clearFilter()
    section.heading.focus({ preventScroll: true })
    section.box.scrollIntoView()
  }

  async #load() {
    this.#isLoading = true
    try {
      const answer = await this.app.api.get('settings')
      this.#settings = answer.settings
      this.#sectionDocs = answer.sections
      this.#canUndo = answer.can_undo
      this.#loadMessage.clear()
      const isFirst = this.#sections.size === 0
      this.#draw()
      if (isFirst && this.#firstSection) this.showSection(this.#firstSection)
    } catch (error) {
      this.#loadMessage.showError(error)
      if (this.#settings.length === 0) this.#sectionBoxes.replaceChildren(hint('Not known yet.'))
    } finally {
      this.#isLoading = false
    }
  }

  #draw() {
    this.#fields.clear()
    this.#sections.clear()
    for (const { name, doc, settings } of groupsOf(this.#settings, this.#sectionDocs))
      this.#sections.set(name, this.#section(name, doc, settings))
    const sections = [...this.#sections.values()]
    this.#sectionBoxes.replaceChildren(...sections.map(({ box }) => box))
    this.#nav.replaceChildren(h('ul', {}, ...sections.map(({ link }) => h('li', {}, link))))
    this.#foot.hidden = false
    this.#updateFoot()
    this.#applyFilter()
  }

  /** @param {string} name @param {string} doc @param {Setting[]} settings @returns {Section} */
  #section(name, doc, settings) {
    const heading = h('h3', { tabindex: -1 }, name)
    const count = h('span', { class: 'nav-count' })
    const fields = settings.map(setting => new SettingField(setting))
    settings.forEach(({ key }, i) => {
      const field = fields[i]
      if (field) this.#fields.set(key, field)
    })
    const box = h(
      'fieldset',
      { class: 'setting-group' },
      h('legend', {}, heading),
      h('p', { class: 'hint section-doc' }, doc),
      ...fields
    )
    return { link: h('a', { href: addressOf('settings', name) }, name, ' ', count), count, heading, box, settings }
  }

  /** What the user has edited, and the fields with invalid text. */
  get #edits() {
    return changesOf(this.#settings, key => this.#fields.get(key)?.text)
  }

  get #unsavedCount() {
    const { changes, errors } = this.#edits
    return changes.size + errors.size
  }

  #updateFoot() {
    const count = this.#unsavedCount
    const isDown = this.app.feed.state.mode === 'down'
    const texts = [
      count ? `${plural(count, 'setting')} changed, not saved yet.` : '',
      isDown ? 'Nothing can be saved while the tracker does not answer.' : ''
    ]
    setText(this.#unsavedText, texts.filter(Boolean).join(' '))
    this.#discard.disabled = count === 0
    this.#save.disabled = count === 0 || isDown
    this.#undo.disabled = !this.#canUndo || isDown
  }

  /** Shows only the settings that match the filter. */
  #applyFilter() {
    let total = 0
    for (const { box, link, count, settings } of this.#sections.values()) {
      let shown = 0
      for (const setting of settings) {
        const isShown = isFound(setting, this.#filter.value) && !(this.#onlyChanged.checked && setting.is_default)
        const field = this.#fields.get(setting.key)
        if (field) field.hidden = !isShown
        if (isShown) shown++
      }
      total += shown
      box.hidden = shown === 0
      const item = link.parentElement
      if (item) item.hidden = shown === 0
      setText(count, String(shown))
    }
    const all = this.#settings.length
    const text = total === 0 ? 'No setting matches.' : `${total} of ${plural(all, 'setting')}.`
    setText(this.#found, total > 0 && total === all ? '' : text)
  }

  #clearFilter() {
    this.#filter.value = ''
    this.#onlyChanged.checked = false
    this.#applyFilter()
  }

  /** Shows errors beside their fields and moves the focus to the first one. @param {Map<string, string>} errors by key */
  #showErrors(errors) {
    for (const [key, field] of this.#fields) field.setError(errors.get(key) ?? '')
    const first = [...this.#fields].find(([key]) => errors.has(key))?.[1]
    if (!first) return
    if (first.hidden) this.#clearFilter()
    first.control.focus()
  }

  #submit() {
    const { changes, errors } = this.#edits
    this.#showErrors(errors)
    if (errors.size) {
      this.#message.showError(`Nothing was changed: ${plural(errors.size, 'field')} cannot be read.`)
      return
    }
    if (changes.size === 0) return
    const body = Object.fromEntries([...changes].map(([key, { toml }]) => [key, toml]))
    const texts = changeTexts(this.#settings, changes)
    this.#change(() => this.app.api.send('patch', 'settings', { body }), `Changed: ${texts.join('; ')}.`)
  }

  #undoChange() {
    return this.#change(() => this.app.api.send('post', 'settings/undo'), 'The last change is undone.')
  }

  /** @param {() => Promise<unknown>} request @param {string} message of success */
  async #change(request, message) {
    try {
      await request()
      await this.#load()
      this.#message.showSuccess(message)
    } catch (error) {
      const { errors = [], message: text = '' } = /** @type {ApiError} */ (error)
      const { fields, rest } = errorsByField(errors.length ? errors : [text], [...this.#fields.keys()])
      this.#showErrors(fields)
      this.#message.showError(fields.size ? ['Nothing was changed.', ...rest].join(' ') : error)
    }
  }

  #discardEdits() {
    this.#message.clear()
    this.#draw()
  }
}

define('dashboard-settings', SettingsView)
