// @ts-check
// The QR code and the link with which a second device joins the check.

import { h, setText } from '../../common/dom.js'
import { qrPicture } from '../../common/qr-code.js'
import { linkReach } from '../../share/lib/reach.js'

export class DeviceLink {
  #code = h('div', { class: 'qr' })
  #link = h('a', { class: 'device-address', target: '_blank', rel: 'noopener' })
  #hint = h('p', { class: 'hint' })
  box = h(
    'div',
    { class: 'device', hidden: true },
    this.#code,
    h('div', { class: 'device-text' }, this.#hint, this.#link)
  )

  /** @param {import('../lib/run.js').DeviceLink} device */
  show({ link, pages }) {
    const reach = linkReach(
      link,
      pages.map(page => otherAddress(page, link))
    )
    const shown = reach.others[0] ?? link
    // Another machine scans the code, and a local link does not work there.
    this.#code.hidden = reach.isLocal && reach.others.length === 0
    this.#code.replaceChildren(qrPicture(shown, 'QR code of the link for the second device'))
    setText(this.#link, shown)
    this.#link.href = shown
    setText(
      this.#hint,
      reach.isLocal
        ? `${reach.text} ${reach.hint}`.trim()
        : 'Scan this with a second device, best in another network, or open the link there. Both pages then show the result. Keep this page open.'
    )
    this.box.hidden = false
  }

  hide() {
    this.box.hidden = true
  }
}

/** Returns the same page at another address of the server. @param {string} server @param {string} link */
function otherAddress(server, link) {
  const url = new URL('check', server)
  const { search, hash } = new URL(link)
  url.search = search
  url.hash = hash
  return url.href
}
