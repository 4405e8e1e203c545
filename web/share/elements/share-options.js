// @ts-check
// <swarm-share-options>: what a sender can set before choosing files: a password, when the share expires, and a new link. Its `value`
// is what the session takes. The start view loads it when the user opens the options.

import { define, h } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { t } from '../../common/words.js'
import { LIFETIMES } from '../lib/encryption-texts.js'

/** @typedef {import('../core/sealed-share.js').SealOptions} SealOptions */

export class SwarmShareOptions extends SwarmElement {
  #password = h('input', {
    type: 'password',
    id: 'share-password',
    class: 'text-field',
    autocomplete: 'new-password',
    spellcheck: 'false',
    'aria-describedby': 'share-password-hint'
  })
  #show = h('input', {
    type: 'checkbox',
    onchange: () => {
      this.#password.type = this.#show.checked ? 'text' : 'password'
    }
  })
  #lifetime = h(
    'select',
    { id: 'share-expiry', class: 'text-field' },
    h('option', { value: '' }, () => t('Never')),
    ...LIFETIMES.map(([milliseconds, label]) => h('option', { value: milliseconds }, label))
  )

  #newLink = h('input', { type: 'checkbox', id: 'share-new-link' })

  /** @override */
  build() {
    this.append(
      h('label', { for: 'share-password' }, () => t('Password')),
      this.#password,
      h('label', { class: 'check' }, this.#show, () => t('Show the password')),
      h('p', { id: 'share-password-hint', class: 'hint' }, () =>
        t('Receivers then need the link and the password. Send it another way than the link. It cannot be recovered.')
      ),
      h('label', { for: 'share-expiry' }, () => t('The share expires')),
      this.#lifetime,
      h('label', { class: 'check' }, this.#newLink, () =>
        t('Make a new link, so that earlier links to these files stop working')
      )
    )
  }

  /** Sets all back: a later share must not get them unnoticed. */
  clear() {
    this.#password.value = this.#lifetime.value = ''
    this.#newLink.checked = false
  }

  /** @param {boolean} isBlocked whether the user cannot choose files */
  block(isBlocked) {
    for (const control of [this.#password, this.#show, this.#lifetime, this.#newLink]) control.disabled = isBlocked
  }

  /** @returns {SealOptions} */
  get value() {
    return {
      password: this.#password.value,
      lifetime: this.#lifetime.value ? Number(this.#lifetime.value) : null,
      hasNewLink: this.#newLink.checked
    }
  }
}

define('swarm-share-options', SwarmShareOptions)
