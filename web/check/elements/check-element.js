// @ts-check
// <swarm-check>: checks the connection of a visitor with a tracker and with other browsers, step by step, and says what
// helps. docs/check.md describes the element. lib/ has the steps.

import { button, emit, h, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { watchPolicy } from '../../common/policy.js'
import { parseAddress, parseTracker } from '../../embed/attribute-values.js'
import { DARK_SHEET, loadSheet, newSheet } from '../../embed/style-sheets.js'
import { addressesOf } from '../../share/lib/addresses.js'
import { notTested, STATE_TEXTS, STEP_IDS, TITLES } from '../lib/outcomes.js'
import { reportText, withoutToken } from '../lib/report.js'
import { runSteps } from '../lib/run.js'
import { CopyResult } from './copy-result.js'
import { DeviceLink } from './device-link.js'
import { StepRow } from './step-row.js'

/** @typedef {import('../lib/outcomes.js').Outcome} Outcome */
/** @typedef {import('../lib/outcomes.js').StepId} StepId */
/** @typedef {import('../lib/report.js').Result} Result */

/** Relative to embed/style-sheets.js. */
const SHEETS = [
  './style/host.css',
  '../common/style/tokens.css',
  '../common/style/controls.css',
  '../common/style/cards.css',
  '../check/style/check.css'
]
const NOT_YET = notTested('')

export class SwarmCheckElement extends SwarmElement {
  /** Address of the server, or of a script from it. `defineSwarmCheck` sets it. */
  static script = ''

  /** @type {Map<StepId, Outcome>} */
  #outcomes = new Map()
  #rows = new Map(STEP_IDS.map(id => [id, new StepRow()]))
  #device = new DeviceLink()
  #log = h('div', { class: 'visually-hidden', role: 'log', 'aria-label': 'Steps' })
  #summary = h('p', { class: 'summary' })
  #again = button('Check again', () => this.run(), { kind: 'primary', id: 'run' })
  #stop = button('Stop', () => this.stop(), { id: 'stop' })
  #copy = new CopyResult(() => reportText(this.result))
  #content = h('div', { class: 'content', hidden: true })
  #time = new Date()
  /** Ends the current run. */
  #run = new AbortController()
  #isRunning = false

  /** WebSocket address of the tracker; empty: the server of the script. */
  get tracker() {
    return parseTracker(this.getAttribute('tracker') ?? '', document.baseURI) ?? ''
  }
  set tracker(value) {
    this.setAttribute('tracker', value)
  }

  /** Address of the ICE settings; empty: those of the server of the script. */
  get ice() {
    const text = this.getAttribute('ice')
    return (text && parseAddress(text, document.baseURI)) || ''
  }
  set ice(value) {
    this.setAttribute('ice', value)
  }

  /** Info-hash of the check of another device, which this one joins; empty: none. */
  get swarm() {
    return this.getAttribute('swarm') ?? ''
  }
  set swarm(value) {
    this.setAttribute('swarm', value)
  }

  /** What was found so far. @returns {Result} */
  get result() {
    const steps = STEP_IDS.map(id => ({ id, title: TITLES[id], ...(this.#outcomes.get(id) ?? NOT_YET) }))
    return {
      ok: steps.every(({ state }) => state !== 'failed'),
      steps,
      tracker: withoutToken(this.#addresses().tracker),
      time: this.#time.toISOString(),
      userAgent: navigator.userAgent
    }
  }

  /** Runs all steps anew. Resolves before the step of the second device, which goes on until `stop`. @returns {Promise<Result>} */
  async run() {
    this.#run.abort()
    const run = new AbortController()
    this.#run = run
    this.#isRunning = true
    this.#time = new Date()
    this.#outcomes.clear()
    this.#device.hide()
    this.#log.replaceChildren()
    this.#draw()
    const { signal } = run
    const { tracker, ice, server } = this.#addresses()
    const given = {
      tracker,
      ice,
      server,
      page: location.href.replace(/[?#].*$/s, ''),
      swarm: this.swarm,
      isBlocked: watchPolicy(signal),
      states: () => Object.fromEntries([...this.#outcomes].map(([id, { state }]) => [id, state]))
    }
    try {
      await runSteps(
        given,
        (id, outcome) => {
          if (!signal.aborted) this.#show(id, outcome)
        },
        link => this.#device.show(link),
        signal
      )
    } catch (error) {
      if (!signal.aborted) throw error
    }
    if (!signal.aborted) this.#finish()
    return this.result
  }

  /** Ends the check, also the step of the second device. */
  stop() {
    this.#run.abort()
    this.#isRunning = false
    this.#device.hide()
    for (const [id, { state }] of this.#outcomes) if (state === 'running') this.#outcomes.set(id, notTested('Stopped.'))
    this.#draw()
  }

  /** @override */
  build() {
    const root = this.attachShadow({ mode: 'open' })
    const dark = newSheet()
    dark.media = '(prefers-color-scheme: dark)'
    const ready = [
      loadSheet(root, SHEETS[0] ?? ''),
      loadSheet(root, SHEETS[1] ?? ''),
      loadSheet(root, DARK_SHEET, dark)
    ]
    ready.push(...SHEETS.slice(2).map(path => loadSheet(root, path)))
    Promise.all(ready).then(() => {
      this.#content.hidden = false
      this.toggleAttribute('data-ready', true)
    })
    const rows = [...this.#rows.values()].map(({ item }) => item)
    const buttons = h('div', { class: 'buttons' }, this.#again, this.#stop, ...this.#copy.controls)
    const card = h(
      'div',
      { class: 'card', part: 'card' },
      this.#summary,
      h('ol', { class: 'steps' }, ...rows),
      buttons,
      this.#copy.text
    )
    this.#content.append(card, this.#log)
    rows.at(-1)?.querySelector('.step-body')?.append(this.#device.box)
    root.append(this.#content)
  }

  /** @override @param {AbortSignal} signal */
  start(signal) {
    signal.addEventListener('abort', () => this.stop())
    this.run()
  }

  #addresses() {
    const { script } = SwarmCheckElement
    return addressesOf({ script, tracker: this.tracker, ice: this.ice, linkBase: '' }, location.href)
  }

  /** @param {StepId} id @param {Outcome} outcome */
  #show(id, outcome) {
    const { text, remedy, state } = outcome
    const old = this.#outcomes.get(id)
    this.#outcomes.set(id, outcome)
    this.#draw()
    // A device that tries again and again fails in the same way.
    if (state === 'running' || (old?.state === state && old.text === text)) return
    this.#log.append(h('p', {}, `${TITLES[id]}: ${STATE_TEXTS[state]}. ${text} ${remedy}`))
    // The other steps are over when a second device arrives.
    if (id === 'device' && !this.#isRunning && state !== 'not-tested') this.#emitChecked()
  }

  #finish() {
    this.#isRunning = false
    this.#draw()
    this.#emitChecked()
  }

  #emitChecked() {
    const { ok, steps } = this.result
    emit(this, 'checked', { ok, steps })
  }

  #draw() {
    const { steps } = this.result
    for (const step of steps) this.#rows.get(step.id)?.update(step)
    setText(this.#summary, this.#summaryText())
    // A hidden button would lose the focus.
    if (!this.#isRunning && this.shadowRoot?.activeElement === this.#stop) this.#again.focus()
    this.#stop.hidden = !this.#isRunning
    this.#copy.update(!this.#isRunning)
  }

  #summaryText() {
    if (this.#isRunning) return 'The check is running.'
    if (this.#run.signal.aborted) return 'The check was stopped.'
    const { steps, ok } = this.result
    if (!ok) return 'Something does not work. The steps say what helps.'
    const isGood = steps.every(({ id, state }) => state === 'good' || id === 'device')
    return isGood ? 'Everything works.' : 'It works, with limits.'
  }
}
