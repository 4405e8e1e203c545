// @ts-check
// <dashboard-introductions>: one swarm as a picture, with the peers on a circle and an arrow for each introduction. The
// table beside it has the same data.

import { define, h, s, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { pictureOf, pictureText, SPOTS_MAX } from '../lib/picture.js'
import { formatMoment } from '../lib/times.js'
import { hint } from './parts.js'

/** @typedef {import('../lib/picture.js').Introduction} Introduction */
/** @typedef {import('../lib/picture.js').Member} Member */
/** @typedef {import('../lib/picture.js').Spot} Spot */

const SIZE = 360
/** Room for the labels at both sides. */
const MARGIN = 44
const RADIUS = 9

export class IntroductionPicture extends SwarmElement {
  #title = s('title')
  #arrows = s('g')
  #spots = s('g')
  #svg = s(
    'svg',
    { viewBox: `${-MARGIN} 0 ${SIZE + 2 * MARGIN} ${SIZE}`, class: 'introductions', role: 'img' },
    this.#title,
    s('defs', {}, marker('tip-open', 'tip-open'), marker('tip-answered', 'tip-answered')),
    this.#arrows,
    this.#spots
  )
  #text = hint('')
  /** What the picture shows, as JSON. */
  #drawn = ''

  /** @override */
  build() {
    this.className = 'introductions-part'
    this.append(
      this.#svg,
      h(
        'ul',
        { class: 'key', 'aria-hidden': 'true' },
        h('li', { class: 'key-answered' }, 'answered'),
        h('li', { class: 'key-open' }, 'no answer yet'),
        h('li', { class: 'key-seeder' }, 'seeder'),
        h('li', { class: 'key-leecher' }, 'leecher')
      ),
      this.#text
    )
  }

  /** @param {Member[]} peers @param {Introduction[]} introductions @param {number | null} since Unix seconds */
  update(peers, introductions, since) {
    const { spots, arrows, more } = pictureOf(peers, introductions, SIZE)
    const text = pictureText(introductions, peers.length + spots.filter(({ hasLeft }) => hasLeft).length)
    this.#svg.setAttribute('aria-label', text)
    setText(this.#title, text)
    const sentences = [
      text,
      since ? `Watched since ${formatMoment(since).slice(11)}.` : '',
      more > 0 ? `${more.toLocaleString('en')} more peers are not drawn; the picture shows at most ${SPOTS_MAX}.` : ''
    ]
    setText(this.#text, sentences.filter(Boolean).join(' '))
    const drawn = JSON.stringify([spots, arrows])
    if (drawn === this.#drawn) return
    this.#drawn = drawn
    this.#arrows.replaceChildren(
      ...arrows.map(({ path, isAnswered }) =>
        s('path', {
          d: path,
          class: isAnswered ? 'arrow answered' : 'arrow',
          'marker-end': isAnswered ? 'url(#tip-answered)' : 'url(#tip-open)'
        })
      )
    )
    this.#spots.replaceChildren(...spots.flatMap(spotShapes))
  }
}

/** The circle of a peer and its label outside of it. @param {Spot} spot */
function spotShapes({ x, y, label, isSeeder, hasLeft }) {
  const text = s('text', {
    class: 'spot-label',
    x: SIZE / 2 + (x - SIZE / 2) * 1.17,
    y: SIZE / 2 + (y - SIZE / 2) * 1.13 + 3,
    'text-anchor': Math.abs(x - SIZE / 2) < 20 ? 'middle' : x < SIZE / 2 ? 'end' : 'start'
  })
  text.textContent = label
  const look = `peer-spot${isSeeder ? ' seeder' : ''}${hasLeft ? ' left' : ''}`
  return [s('circle', { class: look, cx: x, cy: y, r: RADIUS }), text]
}

/** The tip of an arrow. @param {string} id @param {string} look */
const marker = (id, look) =>
  s(
    'marker',
    { id, class: look, viewBox: '0 0 8 8', refX: 4, refY: 4, markerWidth: 6, markerHeight: 6, orient: 'auto' },
    s('path', { d: 'M0 0L8 4L0 8z' })
  )

define('dashboard-introductions', IntroductionPicture)
