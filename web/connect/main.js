// @ts-check
// The entry point of the page /connect: code for developers, with the addresses of this server.

import { h, setText } from '../common/dom.js'
import { serverOf, startOf } from '../share/lib/addresses.js'
import { copyControls } from './elements/copy-button.js'
import { PageForm } from './elements/page-form.js'
import { SnippetCard } from './elements/snippet-card.js'
import { announceFor } from './lib/announcer.js'
import { addressHint, addressList, filledIn, serverAddresses, usedAddresses } from './lib/snippets.js'

const LOAD_MS_MAX = 20_000
const page = location.href
const of = serverAddresses(/** @type {string} */ (serverOf(import.meta.url, page)))
const docs = new URL('docs/', of.server)
docs.search = ''

document.querySelector('.brand')?.setAttribute('href', startOf(page))
const status = /** @type {HTMLElement} */ (document.querySelector('#status'))

try {
  const signal = AbortSignal.timeout(LOAD_MS_MAX)
  const response = await fetch(new URL('snippets.json', docs), { signal })
  if (!response.ok) throw new Error(`the server answers with status ${response.status}`)
  show(await response.json())
} catch (error) {
  const { message } = /** @type {Error} */ (error)
  setText(status, `The code could not be loaded: ${message}. Reload the page.`)
}

/** @param {import('./lib/snippets.js').Snippet[]} snippets */
function show(snippets) {
  const watched = snippets.map(snippet => {
    const code = filledIn(snippet.code, of)
    const card = new SnippetCard({ ...snippet, code }, docs.href)
    return { card, uses: usedAddresses(code, of), show: card.show.bind(card) }
  })
  const hint = addressHint(of)
  document
    .querySelector('#addresses')
    ?.append(
      ...(hint ? [h('p', { class: 'notice warning' }, hint)] : []),
      h('dl', { class: 'address-list' }, ...addressList(of).flatMap(addressRow))
    )
  document.querySelector('#own-page-check')?.append(new PageForm(of).element)
  document.querySelector('#snippets')?.append(...watched.map(({ card }) => card.element))
  status.hidden = true
  announceFor(watched, of, new AbortController().signal)
}

/** @param {import('./lib/snippets.js').Address} address */
function addressRow({ label, text }) {
  const code = h('code', {}, text)
  return [h('dt', {}, label), h('dd', {}, code, copyControls(code, label))]
}
