// @ts-check
// The search field of the documentation: a combobox whose options are links. The index is loaded when the field is
// first used. `docs` is the relative address of /docs/.

import { define, h, setText } from '../../common/dom.js'
import { SwarmElement } from '../../common/element.js'
import { search } from '../lib/search.js'

/** @typedef {import('../lib/search.js').Hit} Hit */
/** @typedef {import('../lib/search.js').Page} Page */

const FAILED = 'The search could not be loaded. Try again.'

export class DocsSearch extends SwarmElement {
  #list = h('ul', { id: 'search-hits', role: 'listbox', 'aria-label': 'Search results', class: 'hits', hidden: true })
  #status = h('p', { class: 'visually-hidden', role: 'status' })
  #input = h('input', {
    type: 'search',
    class: 'search-input',
    placeholder: 'Search',
    'aria-label': 'Search the documentation (press / to focus)',
    role: 'combobox',
    'aria-autocomplete': 'list',
    'aria-expanded': 'false',
    'aria-controls': 'search-hits',
    autocomplete: 'off',
    spellcheck: 'false',
    oninput: () => this.#update(),
    onfocus: () => this.#update(),
    onkeydown: (/** @type {KeyboardEvent} */ event) => this.#onKey(event)
  })
  /** @type {Promise<Page[]> | null} */
  #pages = null
  /** The place of the marked hit; -1 for none. */
  #marked = -1

  /** @override */
  build() {
    this.append(this.#input, this.#list, this.#status)
  }

  /** @override @param {AbortSignal} signal */
  start(signal) {
    document.addEventListener('keydown', event => this.#onPageKey(event), { signal })
    document.addEventListener(
      'pointerdown',
      event => this.contains(/** @type {Node} */ (event.target)) || this.#close(),
      {
        signal
      }
    )
    this.addEventListener('focusout', event => {
      if (!this.contains(/** @type {Node | null} */ (event.relatedTarget))) this.#close()
    })
  }

  /** `/` focuses the field, unless it is typed into one. @param {KeyboardEvent} event */
  #onPageKey(event) {
    const target = /** @type {HTMLElement} */ (event.target)
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || target.matches('input, textarea')) return
    event.preventDefault()
    this.#input.focus()
    this.#input.select()
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const hits = this.#hits()
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step && hits.length) {
      event.preventDefault()
      const first = step > 0 ? 0 : hits.length - 1
      this.#mark(this.#marked < 0 ? first : (this.#marked + step + hits.length) % hits.length)
    } else if (event.key === 'Enter') {
      event.preventDefault()
      hits[Math.max(this.#marked, 0)]?.click()
    } else if (event.key === 'Escape' && !this.#list.hidden) {
      event.preventDefault()
      this.#close()
    }
  }

  /** @returns {HTMLAnchorElement[]} */
  #hits() {
    return [...this.#list.querySelectorAll('a')]
  }

  /** @param {number} at */
  #mark(at) {
    this.#marked = at
    for (const [index, hit] of this.#hits().entries()) {
      hit.setAttribute('aria-selected', String(index === at))
      if (index === at) hit.scrollIntoView({ block: 'nearest' })
    }
    if (at < 0) this.#input.removeAttribute('aria-activedescendant')
    else this.#input.setAttribute('aria-activedescendant', `search-hit-${at}`)
  }

  async #update() {
    const query = this.#input.value
    if (!query.trim()) return this.#close()
    try {
      this.#pages ??= this.#load()
      const pages = await this.#pages
      // The text may have changed while the index was loaded.
      if (query === this.#input.value) this.#show(search(pages, query))
    } catch {
      this.#pages = null
      setText(this.#status, FAILED)
      this.#list.replaceChildren(h('li', { role: 'option', 'aria-disabled': 'true', class: 'none' }, FAILED))
      this.#open()
    }
  }

  /** @returns {Promise<Page[]>} */
  async #load() {
    const response = await fetch(this.#address('search.json'))
    if (!response.ok) throw new Error(`search index: ${response.status}`)
    return await response.json()
  }

  /** @param {string} path below /docs/ */
  #address(path) {
    return new URL(path || '.', new URL(this.getAttribute('docs') ?? './', location.href)).href
  }

  /** @param {Hit[]} hits */
  #show(hits) {
    this.#list.replaceChildren(
      ...hits.map(({ href, page, heading, excerpt }, at) =>
        h(
          'li',
          { role: 'none' },
          h(
            'a',
            {
              id: `search-hit-${at}`,
              role: 'option',
              'aria-selected': 'false',
              href: this.#address(href),
              tabindex: -1,
              onclick: () => this.#close()
            },
            h('span', { class: 'hit-heading' }, heading),
            heading === page ? null : h('span', { class: 'hit-page' }, page),
            h('span', { class: 'hit-text' }, excerpt)
          )
        )
      )
    )
    if (!hits.length)
      this.#list.append(h('li', { role: 'option', 'aria-disabled': 'true', class: 'none' }, 'Nothing found'))
    this.#mark(-1)
    this.#open()
    setText(this.#status, hits.length === 1 ? '1 result' : hits.length ? `${hits.length} results` : 'Nothing found')
  }

  #open() {
    this.#list.hidden = false
    this.#input.setAttribute('aria-expanded', 'true')
  }

  #close() {
    this.#list.hidden = true
    this.#input.setAttribute('aria-expanded', 'false')
    this.#mark(-1)
  }
}

define('docs-search', DocsSearch)
