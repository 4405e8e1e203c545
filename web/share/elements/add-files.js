// @ts-check
// <swarm-add-files>: a button that adds files to the running share, and the progress of their preparation. Fires
// `share-files`, and `adding-stop` to end the preparation. The view of the sender uses it.

import { button, define, emit, h } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { addFiles, addingText, cancelAdding } from '../lib/adding-texts.js'
import { SwarmMeter } from './meter.js'
import { picker } from './start-view.js'

/** @typedef {import('../core/snapshot.js').Snapshot} Snapshot */
/** `isHidden`: the share has one file at most. @typedef {{ accept: string, isHidden: boolean, isDisabled: boolean }} AddState */

export class SwarmAddFiles extends SwarmElement {
  #input = picker(this, { multiple: true })
  #add = button(addFiles, () => this.#input.click(), { icon: 'plus', id: 'add-files' })
  #meter = new SwarmMeter()
  #cancel = button(cancelAdding, () => emit(this, 'adding-stop'), { icon: 'close', id: 'stop-adding' })
  #progress = h('div', { class: 'adding' }, h('p', { role: 'status' }, addingText), this.#meter, this.#cancel)

  /** @override */
  build() {
    this.append(this.#add, this.#input, this.#progress)
  }

  /** @param {Snapshot | null} adding null: nothing is being added @param {AddState} state */
  update(adding, { accept, isHidden, isDisabled }) {
    this.hidden = isHidden
    this.#input.accept = accept
    this.#input.disabled = this.#add.disabled = isDisabled
    this.#progress.hidden = adding === null
    if (adding) this.#meter.update(adding)
  }
}

define('swarm-add-files', SwarmAddFiles)
