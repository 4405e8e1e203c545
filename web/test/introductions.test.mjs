import assert from 'node:assert/strict'
import { test } from 'node:test'
import { introductionTiles, resultText } from '../dashboard/lib/introductions.js'

const ALL = {
  joins_answered_fast: 0.931,
  useful_offers_answered: 0.7,
  offers_per_introduction: 2.34,
  introductions_failed: 0.052,
  members_alone: 1234
}

test('the key numbers about introductions have their units', () => {
  assert.deepEqual(
    introductionTiles(ALL).map(({ label, text }) => [label, text]),
    [
      ['First answer within 3 s', '93 %'],
      ['Useful offers answered', '70 %'],
      ['Offers per introduction', '2.3'],
      ['Failed to connect', '5.2 %'],
      ['Members alone', '1,234']
    ]
  )
})

test('without a minute of offers the shares are unknown, at random there are no numbers', () => {
  const quiet = { ...ALL, joins_answered_fast: null, members_alone: 0 }
  assert.equal(introductionTiles(quiet)[0].text, '–')
  assert.equal(introductionTiles(quiet).at(-1).text, '0')
  assert.deepEqual(introductionTiles({ ...ALL, members_alone: null }), [])
})

test('numbers that the server withholds have no tile', () => {
  assert.deepEqual(
    introductionTiles({ connections: 3, members_alone: 4 }).map(({ label }) => label),
    ['Members alone']
  )
  assert.deepEqual(introductionTiles({ connections: 3 }), [])
})

const one = { from: 'a', to: 'b', at: 100, answered: 100.25, progress: 'answered', crossed: false, repeated: false }

test('what became of an introduction is said in words', () => {
  assert.equal(resultText(one), 'answered after 250 ms')
  assert.equal(resultText({ ...one, answered: 100 }), 'answered after less than 1 ms')
  assert.equal(resultText({ ...one, answered: null, progress: 'waiting' }), 'not answered yet')
  assert.equal(resultText({ ...one, answered: null, progress: 'unanswered' }), 'never answered')
  assert.equal(
    resultText({ ...one, answered: null, progress: 'unanswered', crossed: true }),
    'never answered; both peers offered at once'
  )
  assert.equal(resultText({ ...one, repeated: true }), 'answered after 250 ms; an earlier answer did not connect them')
})
