// @ts-check
// <dashboard-tile-list>: key numbers as tiles, each with a label and a line below.

import { define, h, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'

/** @typedef {{ label: string, text: string, more: string }} Tile */

export class TileList extends SwarmElement {
  #list = h('dl', { class: 'tiles' })
  /** By label. @type {Map<string, { box: HTMLElement, value: HTMLElement, more: HTMLElement }>} */
  #tiles = new Map()

  /** @override */
  build() {
    this.append(this.#list)
  }

  /** Shows these tiles, and hides all others. @param {Tile[]} tiles */
  update(tiles) {
    for (const { label, text, more } of tiles) {
      const tile = this.#tiles.get(label) ?? this.#add(label)
      setText(tile.value, text)
      setText(tile.more, more)
    }
    for (const [label, { box }] of this.#tiles) box.hidden = !tiles.some(tile => tile.label === label)
  }

  /** @param {string} label */
  #add(label) {
    const value = h('span')
    const more = h('span', { class: 'tile-more' })
    const tile = { box: h('div', { class: 'tile' }, h('dt', {}, label), h('dd', {}, value, more)), value, more }
    this.#tiles.set(label, tile)
    this.#list.append(tile.box)
    return tile
  }
}

define('dashboard-tile-list', TileList)
