// @ts-check
// The base class of all custom elements: CONTRIBUTING.md.

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

  /** Creates the content. */
  build() {}

  /** Starts what runs while the element is on the page. @param {AbortSignal} _signal */
  start(_signal) {}
}
