// @ts-check
// The picture of one swarm: peers around a circle, an arrow for each introduction. The table beside it says the same.

import { h, s, setText } from '../../share/elements/dom.js'
import { SPOTS_MAX, pictureOf, pictureWords } from '../lib/picture.js'
import { formatMoment } from '../lib/times.js'
import { hint } from './parts.js'

/** @typedef {import('../lib/picture.js').Introduction} Introduction */
/** @typedef {import('../lib/picture.js').Member} Member */

const SIZE = 360
/** For the labels at the sides. */
const MARGIN = 44
const RADIUS = 9

export class IntroductionPicture {
  #title = s('title')
  #arrows = s('g')
  #spots = s('g')
  #svg = s('svg', { viewBox: `${-MARGIN} 0 ${SIZE + 2 * MARGIN} ${SIZE}`, class: 'introductions', role: 'img' }, this.#title,
    s('defs', {}, marker('tip-open', 'tip-open'), marker('tip-answered', 'tip-answered')), this.#arrows, this.#spots)
  #words = hint('')
  #drawn = ''
  element = h('div', { class: 'introductions-part' }, this.#svg,
    h('ul', { class: 'key', 'aria-hidden': 'true' },
      h('li', { class: 'key-answered' }, 'answered'), h('li', { class: 'key-open' }, 'no answer yet'), h('li', { class: 'key-seeder' }, 'seeder'), h('li', { class: 'key-leecher' }, 'leecher')),
    this.#words)

  /** @param {Member[]} peers @param {Introduction[]} introductions @param {number | null} since Unix seconds */
  update (peers, introductions, since) {
    const { spots, arrows, more } = pictureOf(peers, introductions, SIZE)
    const words = pictureWords(introductions, peers.length + Math.max(0, spots.filter(({ isGone }) => isGone).length))
    this.#svg.setAttribute('aria-label', words)
    setText(this.#title, words)
    setText(this.#words, [words, since ? `Watched since ${formatMoment(since).slice(11)}.` : '', more > 0 ? `${more.toLocaleString('en')} more peers are not drawn; at most ${SPOTS_MAX} can be told apart.` : ''].filter(Boolean).join(' '))
    const drawn = JSON.stringify([spots, arrows])
    if (drawn === this.#drawn) return
    this.#drawn = drawn
    this.#arrows.replaceChildren(...arrows.map(({ path, isAnswered }) => s('path', {
      d: path, class: isAnswered ? 'arrow answered' : 'arrow', 'marker-end': isAnswered ? 'url(#tip-answered)' : 'url(#tip-open)'
    })))
    this.#spots.replaceChildren(...spots.flatMap(({ x, y, label, isSeeder, isGone }) => {
      const text = s('text', { class: 'spot-label', x: SIZE / 2 + (x - SIZE / 2) * 1.17, y: SIZE / 2 + (y - SIZE / 2) * 1.13 + 3, 'text-anchor': Math.abs(x - SIZE / 2) < 20 ? 'middle' : x < SIZE / 2 ? 'end' : 'start' })
      text.textContent = label
      return [s('circle', { class: `peer-spot${isSeeder ? ' seeder' : ''}${isGone ? ' gone' : ''}`, cx: x, cy: y, r: RADIUS }), text]
    }))
  }
}

/** @param {string} id @param {string} look */
const marker = (id, look) => s('marker', { id, class: look, viewBox: '0 0 8 8', refX: 4, refY: 4, markerWidth: 6, markerHeight: 6, orient: 'auto' }, s('path', { d: 'M0 0L8 4L0 8z' }))
