// @ts-check
// <dashboard-introduction-numbers>: key numbers about introductions: how soon members meet, and how many never do.

import { define } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { introductionTiles } from '../lib/introductions.js'
import { card, hint } from './parts.js'
import { TileList } from './tile-list.js'

export class IntroductionNumbers extends SwarmElement {
  #app
  #tiles = new TileList()
  #card = card('Introductions', hint('Shares are those of the last minute.'), this.#tiles)

  /** @param {import('../app.js').App} app */
  constructor(app) {
    super()
    this.#app = app
  }

  /** @override */
  build() {
    this.append(this.#card)
  }

  update() {
    const { stats } = this.#app
    const tiles = stats ? introductionTiles(stats.series) : []
    this.hidden = tiles.length === 0
    this.#tiles.update(tiles)
  }
}

define('dashboard-introduction-numbers', IntroductionNumbers)
