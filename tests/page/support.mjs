// Support for page tests: one server and one browser per test file, users of the page, and common steps. Elements are
// located as users find them: by role and name.

import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { allFindings, launchChromium, newUser, root, seriousFindings, startServer } from '../support/index.mjs'

export const STEP_MS = 45_000
/**
 * The path of a connection without a relay. Which of the two it is depends on chance: a browser also sends from its sockets on
 * other interfaces to 127.0.0.1, and the peer sees those addresses as "prflx", not as "host".
 */
export const DIRECT_PATH = / · (direct|same network)/
/** The console repeats these violations. `violations` records them, without those caused by axe-core. */
const INLINE_STYLE = /(Refused to apply|Applying) inline style/
const SCREENSHOTS = join(root, 'target', 'screenshots')

/**
 * Sets up one server, one browser and one scratch folder for the tests of a file, and users that are closed after each test.
 * @param {{ browserArgs?: string[], serverArgs?: string[], isWhole?: boolean }} [options] `isWhole`: see `launchChromium`
 */
export function stage ({ browserArgs = [], serverArgs = ['--interval', '30'], isWhole = false } = {}) {
  const here = {}
  before(async () => {
    here.folder = await mkdtemp(join(tmpdir(), 'swarmhub-page-'))
    here.server = await startServer({ args: serverArgs })
    here.browser = await launchChromium({ args: browserArgs, isWhole })
  })
  after(async () => {
    await here.browser?.close()
    await here.server?.stop()
    if (here.folder) await rm(here.folder, { recursive: true, force: true })
  })

  return { here, withUsers: usersOf(here) }
}

/** The same without a server, for tests that serve pages themselves. */
export function noServer () {
  const here = {}
  before(async () => { here.browser = await launchChromium() })
  after(async () => { await here.browser?.close() })
  return { here, withUsers: usersOf(here) }
}

function usersOf (here) {
  /**
   * Runs `story` with `count` users, closes them, and asserts that their pages logged no error and contacted no other host.
   * @param {number} count
   * @param {(...users: Awaited<ReturnType<typeof newUser>>[]) => Promise<void>} story
   * @param {{ allow?: RegExp[], user?: object, init?: () => void }} [options] `allow`: expected messages; `init` runs in the pages first
   */
  return (count, story, { allow = [], user = {}, init } = {}) => async () => {
    const users = []
    try {
      for (let i = 0; i < count; i++) {
        const one = await newUser(here.browser, user)
        users.push(one)
        one.page.setDefaultTimeout(STEP_MS)
        await one.context.addInitScript(noteViolations)
        if (init) await one.context.addInitScript(init)
      }
      await story(...users)
      for (const one of users) {
        assert.deepEqual(await violations(one.page), [], 'violations of the Content-Security-Policy')
        one.assertClean({ allow: [...allow, INLINE_STYLE] })
      }
    } finally {
      await Promise.all(users.map(one => one.close().catch(() => {})))
    }
  }
}

function noteViolations () {
  window.__violations = []
  document.addEventListener('securitypolicyviolation', event => window.__violations.push(`${event.violatedDirective} ${event.blockedURI}`))
}

const violations = page => page.evaluate(() => window.__violations ?? [])

/** A file in memory for a file input. @param {string} name @param {Uint8Array | string} bytes */
export const inMemory = (name, bytes) => ({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(bytes) })

/** Chooses files on the start page and returns the link. @param {import('playwright-core').Page} page */
export async function share (page, address, files) {
  await page.goto(address)
  await page.getByRole('button', { name: 'Choose files' }).waitFor()
  await page.locator('input[type=file]').first().setInputFiles(files)
  return linkOf(page)
}

/** Returns the link on a sharing page after hashing. @param {import('playwright-core').Page} page */
export async function linkOf (page) {
  const field = page.getByLabel('Link to this share')
  await field.waitFor()
  const link = await field.inputValue()
  assert.match(link, /\/(\?token=[^#]+)?#[0-9a-f]{40}(\.[\w-]{22}p?)?$/)
  return link
}

/** Opens a link and waits for the list of files. @param {import('playwright-core').Page} page @param {string} link */
export async function open (page, link) {
  await page.goto(link)
  await downloadButton(page).waitFor()
}

export const downloadButton = page => page.locator('[data-action=download]:visible')
export const saveAllButton = page => page.locator('[data-action=save-all]:visible')
export const row = (page, name) => page.getByRole('listitem').filter({ hasText: name })
export const notice = (page, title) => page.locator('.notice', { hasText: title })

/**
 * Downloads all files and waits until the page saves them by itself. Returns what it saved.
 * @param {import('playwright-core').Page} page @param {{ savesItself?: boolean }} [options] `savesItself`: off if saving needs a click
 */
export async function download (page, { savesItself = true } = {}) {
  const saving = savesItself ? page.waitForEvent('download') : null
  await downloadButton(page).click()
  await saveAllButton(page).waitFor()
  return saving && contentOf(await saving)
}

/** Presses a save button and returns the saved file. @returns {Promise<{ name: string, bytes: Buffer }>} */
export async function saved (page, button) {
  const [download] = await Promise.all([page.waitForEvent('download'), button.click()])
  return contentOf(download)
}

/** @param {import('playwright-core').Download} download */
export async function contentOf (download) {
  assert.equal(await download.failure(), null)
  return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) }
}

/** For `init`: no service worker, and a save dialog, which opens only after a click. */
export function saveNeedsClick () {
  ServiceWorkerContainer.prototype.register = () => Promise.reject(new DOMException('not here', 'SecurityError'))
  window.__dialogs = 0
  window.showSaveFilePicker = async () => {
    window.__dialogs++
    return { createWritable: async () => new WritableStream() }
  }
}

/** Slows down the data channels of a page, so that a state lasts long enough to be observed. @param {import('playwright-core').Page} page @param {number | false} [delay] milliseconds for each message */
export const slowDown = (page, delay = 12) => page.evaluate(delay => {
  window.__slow = delay
  if (window.__send) return
  const send = window.__send = RTCDataChannel.prototype.send
  let last = Promise.resolve()
  RTCDataChannel.prototype.send = function (data) {
    // In order, and copied, since the sender may reuse its buffer.
    const copy = typeof data === 'string' ? data : data.slice()
    last = last.then(() => window.__slow && (copy.byteLength ?? 0) > 1000 && new Promise(resolve => setTimeout(resolve, window.__slow)))
      .then(() => { if (this.readyState === 'open') send.call(this, copy) })
  }
}, delay)

/** The rules about colours: all that can differ in the dark. */
const COLOURS = { runOnly: ['color-contrast', 'link-in-text-block'] }

/**
 * Takes a screenshot of a state in light and in dark, and checks the accessibility of both.
 * @param {import('playwright-core').Page} page @param {string} name
 * @param {[string, string]} looks the last part of both names @param {{ axe?: boolean }} [options]
 */
export async function inspectBoth (page, name, [light, dark], { axe = true } = {}) {
  await inspect(page, `${name}-${light}`, { axe })
  await setColorScheme(page, 'dark')
  await inspect(page, `${name}-${dark}`, { axe, rules: COLOURS })
  await setColorScheme(page, 'light')
}

/** Changes the colour scheme, and waits until all transitions to it have begun and ended, those in elements included. */
async function setColorScheme (page, colorScheme) {
  await page.emulateMedia({ colorScheme })
  await page.evaluate(async () => {
    const roots = root => [root, ...[...root.querySelectorAll('*')].flatMap(({ shadowRoot }) => shadowRoot ? roots(shadowRoot) : [])]
    await new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)))
    await Promise.allSettled(roots(document).flatMap(root => root.getAnimations())
      .filter(animation => animation instanceof CSSTransition).map(animation => animation.finished))
  })
}

/**
 * Takes a screenshot of a state and checks its accessibility: serious findings, or on the dashboard all findings.
 * @param {import('playwright-core').Page} page @param {string} name @param {{ axe?: boolean, rules?: object }} [options]
 */
export async function inspect (page, name, { axe = true, rules = {} } = {}) {
  if (axe) {
    const before = await violations(page)
    assert.deepEqual(await (name.startsWith('dashboard') ? allFindings : seriousFindings)(page, rules), [], `accessibility of "${name}"`)
    // axe-core itself tries inline styles; its violations are ignored.
    await page.evaluate(before => { window.__violations = before }, before)
  }
  await picture(page, name)
}

/** @param {import('playwright-core').Page} page @param {string} name */
export async function picture (page, name) {
  await mkdir(SCREENSHOTS, { recursive: true })
  // Hiding the caret or stopping animations would add a style element, which the policy forbids.
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true, caret: 'initial', animations: 'allow' })
}

/** Returns by how many pixels the page is wider than the screen. @param {import('playwright-core').Page} page */
export const overflow = page => page.evaluate(() => Math.max(0, document.documentElement.scrollWidth - document.documentElement.clientWidth))

/** Presses Tab until the control with this name has the focus, on a page without shadow roots. @param {import('playwright-core').Page} page @param {string} name */
export async function tabTo (page, name) {
  for (let i = 0; i < 30; i++) {
    await page.keyboard.press('Tab')
    if (await page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent) === name) return
  }
  assert.fail(`"${name}" is not reached with the Tab key`)
}
