// @ts-check
// The base class of all views of the dashboard. The router in main.js shows one view at a time and calls `update` when new
// numbers arrive. A view requests its other data itself while it is on the page.

import { SwarmElement } from '../../common/element.js'

/** @typedef {import('../../common/notice.js').Notice} Notice */

export class View extends SwarmElement {
  /** @protected */
  app

  /** @param {import('../app.js').App} app */
  constructor(app) {
    super()
    this.app = app
  }

  /** @override */
  build() {
    this.className = 'view'
  }

  /** Draws what the app holds: the numbers and the state of the feed. */
  update() {}

  /** Scrolls to a section. @param {string} _section */
  showSection(_section) {}

  /** Returns the notices that the page shows above the view. @returns {Array<Notice | null>} */
  get notices() {
    return []
  }
}
