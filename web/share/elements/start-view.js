// @ts-check
// <swarm-start>: the start page, where the user drops or chooses files. Fires `share-files`; it reads no file.

import { button, define, emit, h, icon, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { fromInput } from '../core/chosen-files.js'

const FACTS = [
  ['share', 'Direct', 'Files go from your browser to theirs, encrypted. No server stores them.'],
  ['people', 'Faster with more', 'Everyone who downloads also sends the files to others.'],
  ['clock', 'As long as you like', 'The link works while this page is open. Close the page to end the sharing.']
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

  /** @param {string} reason why the user cannot choose files; empty: they can */
  update(reason) {
    setText(this.#lead, reason || LEAD)
    for (const control of this.querySelectorAll('button, input')) control.toggleAttribute('disabled', reason !== '')
  }
}

/** A hidden file input. @param {HTMLElement} owner fires the event @param {Record<string, boolean>} kind */
function picker(owner, kind) {
  const input = h('input', {
    type: 'file',
    hidden: true,
    ...kind,
    onchange: () => {
      const chosen = fromInput(input.files)
      // Allows to choose the same file again.
      input.value = ''
      if (chosen.length) emit(owner, 'share-files', chosen)
    }
  })
  return input
}

define('swarm-start', SwarmStart)
