// Long lists of files can be searched and sorted, also the files that have no row.

import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually } from '../support/index.mjs'
import { STEP_MS, downloadButton, inspect, linkOf, open, stage } from './support.mjs'

const { here, withUsers } = stage()
const FILES = 620
const field = page => page.getByLabel('Find files')
const names = page => page.locator('.file-name').allTextContents()
const state = async (page, text) => eventually(STEP_MS, async () => (await page.locator('swarm-file-search [role=status]').textContent()) === text, text)

test('a file without a row is found, chosen and downloaded', withUsers(2, async (alice, bob) => {
  const folder = join(here.folder, 'many')
  await mkdir(folder)
  for (let i = 0; i < FILES; i++) await writeFile(join(folder, `part ${i}.txt`), i === 618 ? 'the biggest of all' : `part ${i}`)
  await alice.page.goto(here.server.page)
  await alice.page.getByRole('button', { name: 'Choose a folder' }).waitFor()
  await alice.page.locator('input[type=file]').nth(1).setInputFiles(folder)
  await open(bob.page, await linkOf(alice.page))
  assert.equal((await names(bob.page)).length, 500)
  await bob.page.getByText('and 120 more files').waitFor()

  // With the keyboard alone.
  await field(bob.page).focus()
  await bob.page.keyboard.type('TXT 61')
  await state(bob.page, '16 of 620 files.')
  assert.deepEqual((await names(bob.page)).slice(0, 3), ['part 61.txt', 'part 161.txt', 'part 261.txt'])
  await bob.page.getByLabel('Order').selectOption('size')
  assert.equal((await names(bob.page))[0], 'part 618.txt')
  await inspect(bob.page, 'file-search')
  await bob.page.getByRole('checkbox', { name: 'Download part 618.txt' }).uncheck()
  await field(bob.page).press('Escape')
  await eventually(STEP_MS, async () => (await names(bob.page)).length === 500, 'all files again')
  assert.match(await downloadButton(bob.page).textContent(), /^Download \(619 files/)

  await field(bob.page).fill('part 618')
  assert.equal(await bob.page.getByRole('checkbox', { name: 'Download part 618.txt' }).isChecked(), false)

  await downloadButton(bob.page).click()
  await field(bob.page).fill('part 619')
  await bob.page.getByRole('listitem').filter({ hasText: 'part 619.txt' }).getByText('Complete').waitFor()
  await field(bob.page).fill('nothing like it')
  await state(bob.page, 'No file found.')
}))
