// @ts-check
// One snippet: its code with the addresses of this server, buttons that copy it, and whether the tracker answers.

import { h } from '../../common/dom.js'
import { copyControls } from './copy-button.js'
import { OutcomeText } from './outcome-text.js'

/** @typedef {import('../lib/snippets.js').Snippet} Snippet */
/** @typedef {import('../../check/lib/outcomes.js').Outcome} Outcome */

export class SnippetCard {
  #outcome = new OutcomeText('Not announced yet.')

  /** @param {Snippet} snippet with the addresses of this server @param {string} docs address of /docs/ */
  constructor({ name, path, section, heading, install, code, vite, config }, docs) {
    const id = `snippet-${name}`
    this.element = h(
      'section',
      { class: 'card', 'data-snippet': name, 'aria-labelledby': id },
      h('h2', { id }, heading),
      this.#outcome.element,
      install ? codeBlock(install, `the command for ${heading}`) : null,
      codeBlock(code, `the code of ${heading}`),
      vite || config
        ? h(
            'details',
            {},
            h('summary', {}, 'In a build with Vite'),
            vite ? codeBlock(vite, `the imports of ${heading}`) : null,
            config ? h('p', { class: 'hint' }, 'In vite.config.js:') : null,
            config ? codeBlock(config, `the configuration for ${heading}`) : null
          )
        : null,
      h('p', { class: 'hint' }, h('a', { href: `${docs}${path}#${section}` }, 'How it works'))
    )
  }

  /** @param {Outcome} outcome */
  show(outcome) {
    this.#outcome.show(outcome)
  }
}

/** @param {string} text @param {string} name */
function codeBlock(text, name) {
  const code = h('code', {}, text.trimEnd())
  return h(
    'div',
    { class: 'code' },
    copyControls(code, name),
    h('pre', { tabindex: 0, role: 'group', 'aria-label': name }, code)
  )
}
