// @ts-check
// <swarm-sender>: the view of a sender: the progress of hashing, then the link, the receivers and the files, to which others
// can be added. Fires `transfer-stop` and the events of its parts.

import { button, define, emit, h, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { t } from '../../common/words.js'
import { EARLIER_SHARES_MAX } from '../core/earlier-shares.js'
import { earlierText } from '../lib/adding-texts.js'
import { expiryText, privacyText } from '../lib/encryption-texts.js'
import { amountText } from '../lib/file-texts.js'
import { shownName } from '../lib/names.js'
import { SwarmAddFiles } from './add-files.js'
import { SwarmDoneNotice } from './done-notice.js'
import { SwarmFiles } from './file-list.js'
import { SwarmLink } from './link-card.js'
import { SwarmMeter } from './meter.js'
import { SwarmPeers } from './peer-view.js'
import { SwarmUploadLimit } from './upload-limit.js'

/** @typedef {import('../core/transfer.js').Snapshot} Snapshot */

export class SwarmSender extends SwarmElement {
  #title = h('h1', { tabindex: -1 })
  #sub = h('p', { class: 'sub' })
  #privacy = h('p', { class: 'hint privacy' })
  #meter = new SwarmMeter()
  #doneNotice = new SwarmDoneNotice()
  #link = new SwarmLink()
  #files = new SwarmFiles()
  #adding = new SwarmAddFiles()
  #earlier = h('p', { class: 'hint earlier' })
  #peers = new SwarmPeers()
  #stop = button('', () => emit(this, 'transfer-stop'), { icon: 'stop', kind: 'danger', id: 'stop' })
  #linkCard = h(
    'section',
    { class: 'card', part: 'card', 'aria-label': () => t('Link') },
    this.#link,
    this.#earlier,
    this.#privacy
  )
  #peersCard = h(
    'section',
    { class: 'card', part: 'card', 'aria-labelledby': 'receivers' },
    h('h2', { id: 'receivers' }, () => t('Receivers')),
    this.#peers,
    new SwarmUploadLimit()
  )
  #filesCard = h(
    'section',
    { class: 'card', part: 'card', 'aria-labelledby': 'shared-files' },
    h('h2', { id: 'shared-files' }, () => t('Files')),
    this.#adding,
    this.#files
  )

  /** @override */
  build() {
    this.append(
      h(
        'section',
        { class: 'card head', part: 'card' },
        h('div', { class: 'head-line' }, h('div', { class: 'head-text' }, this.#title, this.#sub), this.#stop),
        this.#meter,
        this.#doneNotice
      ),
      h('div', { class: 'columns' }, h('div', { class: 'column' }, this.#linkCard, this.#filesCard), this.#peersCard)
    )
  }

  /** @param {Snapshot} now @param {string} link empty while hashing @param {import('../lib/reach.js').Reach} reach where the link works */
  update(now, link, reach) {
    const hashing = now.phase === 'hashing'
    const name = shownName(now.name)
    setText(this.#title, hashing ? t('Preparing {name}', { name }) : t('Sharing {name}', { name }))
    setText(this.#sub, hashing ? readingText(now.isEncrypted) : openText(now))
    setText(/** @type {Element} */ (this.#stop.lastElementChild), hashing ? t('Cancel') : t('Stop sharing'))
    this.#linkCard.hidden = this.#peersCard.hidden = this.#filesCard.hidden = hashing
    this.#meter.update(now)
    this.#doneNotice.update(now)
    if (hashing) return
    this.#link.update(link, reach)
    this.#earlier.hidden = now.earlier === 0
    setText(this.#earlier, earlierText(now.earlier, now.endedEarlier, EARLIER_SHARES_MAX))
    setText(this.#privacy, privacyText(now))
    this.#files.update(now)
    this.#peers.update(now)
  }

  /** @param {Snapshot | null} adding the preparation of added files @param {import('./add-files.js').AddState} state */
  updateAdding(adding, state) {
    this.#adding.update(adding, state)
  }
}

/** @param {boolean} isEncrypted */
const readingText = isEncrypted =>
  isEncrypted
    ? t('Reading and encrypting the files, so that receivers can check every piece. Nothing is sent yet.')
    : t('Reading the files, so that receivers can check every piece. Nothing is sent yet.')

/** @param {Snapshot} now */
const openText = ({ files, size, expires }) =>
  `${amountText(files.length, size)}. ${t('Keep this page open.')} ${expiryText(expires)}`.trim()

define('swarm-sender', SwarmSender)
