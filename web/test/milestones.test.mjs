import assert from 'node:assert/strict'
import { test } from 'node:test'
import { milestone, titleOf } from '../share/lib/milestones.js'

/** @returns {any} */
const at = (phase, more = {}) => ({
  role: 'receiver',
  phase,
  name: 'trip',
  files: [{}, {}],
  size: 1000,
  have: 0,
  peers: [],
  ...more
})

test('each phase is announced once', () => {
  assert.match(milestone(null, at('finding')) ?? '', /Looking/)
  assert.equal(milestone(at('finding'), at('finding')), null)
  assert.match(milestone(at('checking'), at('offered')) ?? '', /trip: 2 files, 1.00 kB/)
  assert.match(milestone(at('downloading'), at('done', { have: 1000 })) ?? '', /complete/)
})

test('a download is announced at quarters', () => {
  const said = []
  for (let have = 0; have < 1000; have += 10) {
    const text = milestone(at('downloading', { have }), at('downloading', { have: have + 10 }))
    if (text) said.push(text)
  }
  assert.deepEqual(said, ['25 % downloaded.', '50 % downloaded.', '75 % downloaded.'])
})

test('receivers are announced, their progress is not', () => {
  const now = at('sharing', { role: 'sender', peers: [{ progress: 0 }] })
  assert.equal(milestone(at('sharing', { role: 'sender' }), now), '1 receiver connected.')
  assert.equal(milestone(now, at('sharing', { role: 'sender', peers: [{ progress: 0.5 }] })), null)
  assert.equal(milestone(now, at('sharing', { role: 'sender' })), 'No receiver connected.')
})

test('the title shows the progress and a safe name', () => {
  assert.equal(titleOf(at('downloading', { have: 250 })), '25 % · trip')
  assert.equal(titleOf(at('hashing', { hashed: 500 })), '50 % · trip')
  assert.equal(titleOf(at('done', { name: 'a\u202egpj.exe' })), 'agpj.exe')
  assert.equal(titleOf(at('finding', { name: '' })), 'Looking…')
})
