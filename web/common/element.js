// @ts-check
// The base class of all custom elements, and the convention that they follow on both pages:
//
//   constructor(…)  takes what the element needs for its whole life. Code creates elements with `new`.
//   build()         creates the content. It runs once, when the element first enters the page.
//   start(signal)   starts timers, requests and listeners. `signal` aborts when the element leaves the page.
//   update(state)   draws a state and changes only what differs. It may run before build().
//
// State goes down through `update`, events go up through `emit` (dom.js). A module registers its element with `define`.
// Parts without state, such as a button or a card, are functions that return native elements. A dialog is a function
// that opens a native <dialog>.
//
// The element for other pages (embed/) differs: its module defines nothing, and can be imported where there is no page.

/** Outside of browsers, an empty class. */
const Base = globalThis.HTMLElement ?? /** @type {typeof HTMLElement} */ (class {})

export class SwarmElement extends Base {
  /** Lasts from one connection to the next disconnection. @type {AbortController | null} */
  #connection = null
  #isBuilt = false

  connectedCallback() {
    this.#connection = new AbortController()
    if (!this.#isBuilt) {
      this.#isBuilt = true
      this.build()
    }
    this.start(this.#connection.signal)
  }

  disconnectedCallback() {
    this.#connection?.abort()
  }

  /** Creates the content. Subclasses override it. */
  build() {}

  /** Starts what runs while the element is on the page. Subclasses override it. @param {AbortSignal} _signal */
  start(_signal) {}
}
