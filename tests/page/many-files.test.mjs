// A folder of ten thousand files: the pages of sender and receiver stay responsive while the files are prepared and
// transferred.

import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { TASK_CATEGORIES, longestTask } from '../support/index.mjs'
import { downloadButton, stage } from './support.mjs'

const FILES = 10_000
const FOLDERS = 50
/** Synchronous disk accesses of the browser: once for the size of each file, once to read it, none for copies. */
const DISK_CALLS_MAX = 2.2 * FILES
/** Processor time of one task. */
const SENDER_TASK_CPU_MS_MAX = 250
const RECEIVER_TASK_CPU_MS_MAX = 450
const READY_MS = 300_000

const { here, withUsers } = stage()

test('ten thousand files are shared without blocking either page for long', withUsers(2, async (alice, bob) => {
  const root = join(here.folder, 'many')
  for (let i = 0; i < FOLDERS; i++) await mkdir(join(root, `d${i}`), { recursive: true })
  for (let i = 0; i < FILES; i++) await writeFile(join(root, `d${i % FOLDERS}`, `f${i}.txt`), `file ${i}`)

  await Promise.all([alice.page.goto(here.server.page), bob.page.goto(here.server.page)])
  await alice.page.getByRole('button', { name: 'Choose a folder' }).waitFor()
  await here.browser.startTracing(alice.page, { categories: TASK_CATEGORIES })
  await alice.page.locator('input[type=file]').nth(1).setInputFiles(root, { timeout: READY_MS })
  const field = alice.page.getByLabel('Link to this share')
  await field.waitFor({ timeout: READY_MS })
  const { most, all } = await alice.page.evaluate(() => window.__diskCalls)

  await bob.page.evaluate(() => performance.mark('receiver'))
  await bob.page.goto(await field.inputValue())
  await downloadButton(bob.page).waitFor()
  const [archive] = await Promise.all([bob.page.waitForEvent('download'), downloadButton(bob.page).click()])
  await archive.cancel()
  const { traceEvents } = JSON.parse(String(await here.browser.stopTracing()))

  const sender = longestTask(traceEvents, 'sender')
  const receiver = longestTask(traceEvents, 'receiver')
  console.log(`longest task: ${sender} ms of the processor at the sender, ${receiver} ms at the receiver; at most ${most} of ${all} calls to the disk in one task`)
  assert.ok(all >= FILES, 'the calls are counted')
  assert.ok(all <= DISK_CALLS_MAX, `${all} calls to the disk`)
  assert.ok(most < FILES / 5, `${most} calls to the disk in one task`)
  assert.ok(sender <= SENDER_TASK_CPU_MS_MAX, `a task of ${sender} ms at the sender`)
  assert.ok(receiver <= RECEIVER_TASK_CPU_MS_MAX, `a task of ${receiver} ms at the receiver`)

  const names = await alice.page.locator('.file-name').allTextContents()
  assert.deepEqual(names.slice(0, 3), ['d0/f0.txt', 'd0/f50.txt', 'd0/f100.txt'])
}, { init: () => {
  const calls = window.__diskCalls = { most: 0, all: 0 }
  let inTask = 0
  const count = () => {
    calls.all++
    if (inTask === 0) {
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = () => { inTask = 0; port1.close() }
      port2.postMessage(null)
    }
    calls.most = Math.max(calls.most, ++inTask)
  }
  const { get } = Object.getOwnPropertyDescriptor(Blob.prototype, 'size')
  Object.defineProperty(Blob.prototype, 'size', { configurable: true, get () { if (this instanceof File) count(); return get.call(this) } })
  const { slice } = Blob.prototype
  Blob.prototype.slice = function (...args) { if (this instanceof File) count(); return slice.apply(this, args) }
  window.File = new Proxy(File, { construct (target, args) { count(); return Reflect.construct(target, args) } })
  // Before this event, the browser itself builds the list.
  addEventListener('share-files', () => performance.mark('sender'), true)
} }))
