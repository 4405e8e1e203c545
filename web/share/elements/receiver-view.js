// @ts-check
// <swarm-receiver>: the view of a receiver: the form for a password, the offered files, the download, and the buttons to open and save. Fires
// `transfer-start`, `transfer-stop`, `save-all` and the events of its parts.

import { button, define, emit, h, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { SwarmNotices } from '../../common/notice.js'
import { t } from '../../common/words.js'
import { expiryText, privacyText } from '../lib/encryption-texts.js'
import { amountText } from '../lib/file-texts.js'
import { shownName } from '../lib/names.js'
import { completeText, saveLabel } from '../lib/saving-texts.js'
import { SwarmDoneNotice } from './done-notice.js'
import { SwarmFiles } from './file-list.js'
import { SwarmMeter } from './meter.js'
import { SwarmPassword } from './password-form.js'
import { SwarmPeers } from './peer-view.js'
import { SwarmPreview } from './preview.js'

/** @typedef {import('../core/transfer.js').Snapshot} Snapshot */
/** @typedef {import('../../common/notice.js').Notice} Notice */

export class SwarmReceiver extends SwarmElement {
  #title = h('h1', { tabindex: -1 })
  #sub = h('p', { class: 'sub' })
  #meter = new SwarmMeter()
  #doneNotice = new SwarmDoneNotice()
  #files = new SwarmFiles()
  #peers = new SwarmPeers()
  #space = new SwarmNotices()
  password = new SwarmPassword()
  #privacy = h('p', { class: 'hint privacy' })
  preview = new SwarmPreview()
  #start = button('', () => emit(this, 'transfer-start', this.#files.chosen), {
    icon: 'arrowDown',
    kind: 'primary',
    id: 'download'
  })
  #save = button('', () => emit(this, 'save-all'), { icon: 'save', kind: 'primary', id: 'save-all' })
  #stop = button('', () => emit(this, 'transfer-stop'), { icon: 'close', id: 'stop' })
  #spinner = h('div', { class: 'spinner', 'aria-hidden': 'true' })
  #filesCard = h(
    'section',
    { class: 'card', part: 'card', 'aria-labelledby': 'offered-files' },
    h('h2', { id: 'offered-files' }, () => t('Files')),
    this.#files
  )
  #peersCard = h(
    'section',
    { class: 'card', part: 'card', 'aria-labelledby': 'peers' },
    h('h2', { id: 'peers' }, () => t('Connections')),
    this.#peers
  )

  /** @override */
  build() {
    this.preview.hidden = true
    this.append(
      h(
        'section',
        { class: 'card head', part: 'card' },
        h(
          'div',
          { class: 'head-line' },
          h('div', { class: 'head-text' }, this.#spinner, this.#title, this.#sub),
          h('div', { class: 'buttons' }, this.#start, this.#save, this.#stop)
        ),
        this.password,
        this.#space,
        this.#meter,
        this.#doneNotice,
        this.#privacy
      ),
      this.preview,
      h('div', { class: 'columns' }, this.#filesCard, this.#peersCard)
    )
  }

  /**
   * @param {Snapshot} now @param {Notice | null} space a warning about the storage
   * @param {import('../core/saves.js').SaveState} saveState
   */
  update(now, space, saveState) {
    const { phase, files } = now
    const chosen = files.filter(file => file.chosen).length
    const early = phase === 'finding' || phase === 'checking' || phase === 'locked'
    setText(this.#title, titleText(now))
    setText(
      this.#sub,
      `${phase === 'done' ? completeText(chosen, now.size, saveState) : subtitle(now)} ${expiryText(now.expires)}`.trim()
    )
    this.#spinner.hidden = !early || phase === 'locked'
    this.password.hidden = phase !== 'locked'
    setText(this.#privacy, privacyText(now))
    this.#start.hidden = phase !== 'offered'
    this.#start.disabled = chosen === 0 && files.length > 0
    setText(/** @type {Element} */ (this.#start.lastElementChild), downloadLabel(now))
    this.#save.hidden = phase !== 'done'
    setText(/** @type {Element} */ (this.#save.lastElementChild), saveLabel(chosen, saveState))
    setText(/** @type {Element} */ (this.#stop.lastElementChild), phase === 'done' ? t('Close') : t('Cancel'))
    this.#space.update([phase === 'offered' ? space : null])
    this.#meter.hidden = early || phase === 'offered'
    this.#meter.update(now)
    this.#doneNotice.update(now)
    this.#filesCard.hidden = files.length === 0
    this.#files.update(now)
    this.#peersCard.hidden = early && now.peers.length === 0
    this.#peers.update(now)
  }

  /** Moves the focus to the button that opened a file. @param {number} index */
  focusOpen(index) {
    this.#files.focusOpen(index)
  }
}

/** @param {Snapshot} now */
function titleText({ phase, name }) {
  if (phase === 'finding') return t('Looking for the files…')
  return phase === 'locked' ? t('A password is needed') : shownName(name)
}

/** @param {Snapshot} now */
function subtitle({ phase, files, size }) {
  const what = amountText(files.filter(({ chosen }) => chosen).length, size)
  switch (phase) {
    case 'finding':
      return t('Names and sizes come from the sender.')
    case 'locked':
      return t('The sender set a password for these files.')
    case 'checking':
      return t('Checking the data of an earlier download…')
    case 'offered':
      return `${what}. ${t('Only accept files from people you trust.')}`
    default:
      return what
  }
}

/** @param {Snapshot} now */
function downloadLabel({ files, size, have }) {
  const chosen = files.filter(({ chosen }) => chosen)
  const verb = have > 0 ? t('Continue download') : t('Download')
  return chosen.length === files.length ? verb : `${verb} (${amountText(chosen.length, size)})`
}

define('swarm-receiver', SwarmReceiver)
