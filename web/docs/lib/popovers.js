// @ts-check
// The menu and the table of contents are popovers on narrow screens.

/** Closes a popover when a link in it is followed; one to a heading of the same page would leave it open. @param {HTMLElement} popover */
export function closeOnChoice(popover) {
  popover.addEventListener('click', event => {
    const link = /** @type {Element} */ (event.target).closest('a')
    if (link && popover.matches(':popover-open')) popover.hidePopover()
  })
}
