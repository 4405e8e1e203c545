// @ts-check
// Formats and parses the numbers of settings: "2 min", "64 KiB", "10 %", "1,000,000". Formatting is exact: parsing its
// result gives the same number. It uses no DOM.

/** @typedef {'number' | 'seconds' | 'bytes' | 'percent'} Measure */

/** Units for output, the largest first. @type {Array<[string, number]>} */
const TIMES = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60]
]
/** Units of input. @type {Record<string, number>} */
const SECONDS = {
  ms: 0.001,
  millisecond: 0.001,
  milliseconds: 0.001,
  s: 1,
  sec: 1,
  secs: 1,
  second: 1,
  seconds: 1,
  m: 60,
  min: 60,
  mins: 60,
  minute: 60,
  minutes: 60,
  h: 3600,
  hr: 3600,
  hour: 3600,
  hours: 3600,
  d: 86_400,
  day: 86_400,
  days: 86_400,
  w: 604_800,
  week: 604_800,
  weeks: 604_800
}
/** Units for output, the largest first; a power of 1024 before one of 1000. @type {Array<[string, number]>} */
const SIZES = [
  ['TiB', 2 ** 40],
  ['TB', 1e12],
  ['GiB', 2 ** 30],
  ['GB', 1e9],
  ['MiB', 2 ** 20],
  ['MB', 1e6],
  ['KiB', 2 ** 10],
  ['kB', 1e3]
]
/** @type {Record<string, number>} */
const BYTES = {
  '': 1,
  b: 1,
  byte: 1,
  bytes: 1,
  k: 1e3,
  kb: 1e3,
  ki: 2 ** 10,
  kib: 2 ** 10,
  m: 1e6,
  mb: 1e6,
  mi: 2 ** 20,
  mib: 2 ** 20,
  g: 1e9,
  gb: 1e9,
  gi: 2 ** 30,
  gib: 2 ** 30,
  t: 1e12,
  tb: 1e12,
  ti: 2 ** 40,
  tib: 2 ** 40
}
/** @type {Record<string, number>} */
const THOUSANDS = { '': 1, k: 1e3, m: 1e6, g: 1e9 }

/** Removes rounding errors of floating point; no setting has more digits. @param {number} value */
const tidy = value => (Number.isSafeInteger(value) ? value : Number(value.toPrecision(15)))

/** @param {number} value */
const grouped = value => value.toLocaleString('en', { maximumFractionDigits: 9 })

/** @type {Record<Measure, (value: number) => string>} */
const WRITE = {
  number: grouped,
  percent: value => `${grouped(value)} %`,
  bytes(value) {
    const fits = SIZES.find(([, size]) => value >= size && Number((value / size).toFixed(2)) * size === value)
    if (fits) return `${grouped(value / fits[1])} ${fits[0]}`
    return value === 0 ? '0' : `${grouped(value)} B`
  },
  seconds(value) {
    if (value > 0 && value < 1) return `${tidy(value * 1000)} ms`
    let left = value
    const parts = TIMES.flatMap(([name, size]) => {
      const count = Math.floor(left / size)
      left = tidy(left - count * size)
      return count ? [`${count} ${name}`] : []
    })
    return [...parts, ...(left > 0 || parts.length === 0 ? [`${left} s`] : [])].join(' ')
  }
}

/** They return NaN for invalid text. @type {Record<Measure, (text: string) => number>} */
const READ = {
  number: text => scaled(text, THOUSANDS),
  percent: text => scaled(text.replace(/ ?(%|percent)$/i, ''), { '': 1 }),
  bytes: text => scaled(text.replace(/ ?(\/ ?s|per second)$/i, ''), BYTES),
  seconds(text) {
    if (/^[\d.]+$/.test(text)) return Number(text)
    const parts = [...text.matchAll(/(\d+(?:\.\d+)?) ?([a-z]+)(?: |$|(?=\d))/gi)]
    if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) return NaN
    return tidy(
      parts.reduce((sum, [, count, unit]) => sum + Number(count) * (SECONDS[String(unit).toLowerCase()] ?? NaN), 0)
    )
  }
}

/** @param {string} text @param {Record<string, number>} units */
function scaled(text, units) {
  const [, count, unit = ''] = /^(-?\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(text) ?? []
  return count === undefined ? NaN : tidy(Number(count) * (units[unit.toLowerCase()] ?? NaN))
}

/** Formats a number exactly. @param {number} value @param {Measure} measure */
export const writeAmount = (value, measure) => WRITE[measure](value)

/** Parses a text as seconds, bytes, percent or a count; returns NaN for invalid text. @param {string} text @param {Measure} measure */
export const readAmount = (text, measure) =>
  READ[measure](
    text
      .trim()
      .replace(/(?<=\d)[,_'’\u00a0\u202f ](?=\d{3}(?!\d))/g, '')
      .replace(/\s+/g, ' ')
  )

/** Examples for error messages. @type {Record<Measure, string>} */
export const AMOUNT_EXAMPLES = {
  number: 'write a number such as 500 or 1,000',
  seconds: 'write a time such as 45 s, 2 min or 1 h 30 min',
  bytes: 'write a size such as 64 KiB, 1.5 MB or 4096',
  percent: 'write a number such as 10 %'
}
