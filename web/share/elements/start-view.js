// @ts-check
// <swarm-start>: where somebody drops or chooses files. It hands them over with `share-files` and reads none.

import { button, define, emit, h, icon, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { fromInput } from '../core/chosen-files.js'

const FACTS = [
  ['share', 'Straight across', 'Files go from your browser to theirs, encrypted. No server in between keeps them.'],
  ['people', 'Faster with more', 'Everybody who downloads helps to pass the files on.'],
  ['clock', 'As long as you like', 'The link works while this page is open. Close it, and the sharing ends.']
]

const LEAD = 'Drop files or a folder anywhere on this page, or choose them.'

export class SwarmStart extends SwarmElement {
  #lead = h('p', { class: 'lead' }, LEAD)
  #files = picker(this, { multiple: true })
  #folder = picker(this, { webkitdirectory: true })

  /** @override */
  build() {
    this.append(
      h(
        'div',
        { class: 'drop' },
        h('div', { class: 'drop-icon' }, icon('arrowUp')),
        h('h1', { tabindex: -1 }, 'Share files, browser to browser'),
        this.#lead,
        h(
          'div',
          { class: 'buttons' },
          button('Choose files', () => this.#files.click(), { icon: 'file', kind: 'primary', id: 'choose-files' }),
          button('Choose a folder', () => this.#folder.click(), { icon: 'folder', id: 'choose-folder' })
        ),
        this.#files,
        this.#folder
      ),
      h(
        'ul',
        { class: 'selling' },
        ...FACTS.map(([picture = '', title = '', text = '']) =>
          h('li', {}, icon(picture), h('h2', {}, title), h('p', {}, text))
        )
      )
    )
  }

  /** @param {string} reason why nothing can be chosen; empty: it can */
  update(reason) {
    setText(this.#lead, reason || LEAD)
    for (const control of this.querySelectorAll('button, input')) control.toggleAttribute('disabled', reason !== '')
  }
}

/** @param {HTMLElement} owner @param {Record<string, boolean>} kind */
function picker(owner, kind) {
  const input = h('input', {
    type: 'file',
    hidden: true,
    ...kind,
    onchange: () => {
      const chosen = fromInput(input.files)
      // The same file can be chosen again after a stop.
      input.value = ''
      if (chosen.length) emit(owner, 'share-files', chosen)
    }
  })
  return input
}

define('swarm-start', SwarmStart)
