import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readAmount, writeAmount } from '../dashboard/lib/amounts.js'

test('amounts are formatted for people', () => {
  for (const [measure, value, text] of [
    ['seconds', 0, '0 s'],
    ['seconds', 0.1, '100 ms'],
    ['seconds', 1.5, '1.5 s'],
    ['seconds', 45, '45 s'],
    ['seconds', 120, '2 min'],
    ['seconds', 90, '1 min 30 s'],
    ['seconds', 5400, '1 h 30 min'],
    ['seconds', 604_800, '7 d'],
    ['seconds', 86_461, '1 d 1 min 1 s'],
    ['bytes', 0, '0'],
    ['bytes', 131_072, '128 KiB'],
    ['bytes', 1_610_612_736, '1.5 GiB'],
    ['bytes', 5_000_000, '5 MB'],
    ['bytes', 4_294_967_295, '4,294,967,295 B'],
    ['bytes', 512, '512 B'],
    ['percent', 85, '85 %'],
    ['number', 1_000_000, '1,000,000'],
    ['number', 20, '20']
  ])
    assert.equal(writeAmount(value, measure), text)
})

test('parsing a formatted amount gives the same number', () => {
  let seed = 7
  const next = () => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed / 2_147_483_647
  }
  for (let i = 0; i < 5000; i++) {
    const whole = Math.floor(2 ** (next() * 48))
    const seconds = Math.floor(next() * 10 ** (1 + next() * 7)) / 1000
    for (const [measure, value] of [
      ['number', whole],
      ['bytes', whole],
      ['bytes', Math.min(whole, 2 ** 40) * 1024],
      ['percent', whole],
      ['seconds', seconds]
    ]) {
      const text = writeAmount(value, measure)
      assert.equal(readAmount(text, measure), value, text)
    }
  }
})

test('amounts are parsed in many spellings', () => {
  for (const [measure, text, value] of [
    ['seconds', '90', 90],
    ['seconds', ' 1.5 ', 1.5],
    ['seconds', '2min', 120],
    ['seconds', '1h30m', 5400],
    ['seconds', '1 hour 30 minutes', 5400],
    ['seconds', '250 ms', 0.25],
    ['seconds', '1 week', 604_800],
    ['seconds', '1,000 s', 1000],
    ['bytes', '64k', 64_000],
    ['bytes', '64 KiB', 65_536],
    ['bytes', '1.5 gb', 1.5e9],
    ['bytes', '1 MiB/s', 1_048_576],
    ['bytes', '4 096', 4096],
    ['bytes', '65_536', 65_536],
    ['percent', '10%', 10],
    ['percent', '10 percent', 10],
    ['number', '1 000 000', 1e6],
    ['number', '2M', 2e6],
    ['number', '-3', -3]
  ])
    assert.equal(readAmount(text, measure), value, text)
})

test('invalid amounts are NaN', () => {
  for (const [measure, text] of [
    ['seconds', 'soon'],
    ['seconds', '5 x'],
    ['seconds', '1.2.3'],
    ['seconds', '-5 s'],
    ['seconds', '5 min or so'],
    ['bytes', '5 apples'],
    ['bytes', 'KiB'],
    ['percent', '5 s'],
    ['number', '1,00'],
    ['number', 'many'],
    ['number', '']
  ])
    assert.ok(Number.isNaN(readAmount(text, measure)), text)
})
