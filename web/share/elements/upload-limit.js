// @ts-check
// <swarm-upload-limit>: how fast a sender sends at most, to all receivers together. Fires `upload-limit` with bytes per
// second, or null. The view of the sender uses it.

import { define, emit, h } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { formatSpeed } from '../../common/format.js'
import { t } from '../../common/words.js'
import { rememberUploadLimit, UPLOAD_LIMITS, uploadLimit } from '../core/upload-limit.js'

export class SwarmUploadLimit extends SwarmElement {
  #choice = h(
    'select',
    { id: 'upload-limit', class: 'text-field', onchange: () => this.#choose() },
    h('option', { value: '' }, () => t('No limit')),
    ...UPLOAD_LIMITS.map(bytes => h('option', { value: bytes }, () => formatSpeed(bytes)))
  )

  /** @override */
  build() {
    this.#choice.value = String(uploadLimit() ?? '')
    this.append(
      h('label', { for: 'upload-limit' }, () => t('Send at most')),
      this.#choice
    )
  }

  #choose() {
    const limit = this.#choice.value ? Number(this.#choice.value) : null
    rememberUploadLimit(limit)
    emit(this, 'upload-limit', limit)
  }
}

define('swarm-upload-limit', SwarmUploadLimit)
