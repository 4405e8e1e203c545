// @ts-check
// Columns of numbers over time: those of the history, and the live ones that are made here from one sample a second.
// Knows no DOM and no clock: samples bring their times.

/** @typedef {import('./numbers.js').Series} Series */
/** @typedef {{ mean: Array<number | null>, min: Array<number | null>, max: Array<number | null> }} Column */
/** @typedef {{ step: number, at: number[], series: Record<string, Column> }} Columns */
/** @typedef {{ at: number, series: Record<string, number | null> }} Sample */

/** Samples further apart are not joined by a line, and no rate is taken across them. */
const GAP_SECONDS = 15

/** The last minutes, one sample a second. */
export class Recent {
  #seconds
  /** @type {Map<string, Series['kind']>} */
  #kinds = new Map()
  /** @type {Sample[]} */
  #samples = []

  /** @param {number} seconds how far back it goes */
  constructor(seconds) {
    this.#seconds = seconds
  }

  /** @param {Series[]} series what there is: counters become rates */
  setSeries(series) {
    this.#kinds = new Map(series.map(({ name, kind }) => [name, kind]))
  }

  get latest() {
    return this.#samples.at(-1) ?? null
  }

  /** Whether it was news: not one that was there, nor an older one. @param {Sample} sample */
  push(sample) {
    const { latest } = this
    if (latest && sample.at <= latest.at) {
      // A clock that was set back: what was before belongs to another time.
      if (latest.at - sample.at < GAP_SECONDS) return false
      this.#samples = []
    }
    this.#samples.push(sample)
    const first = this.#samples.findIndex(({ at }) => at >= sample.at - this.#seconds)
    this.#samples.splice(0, first)
    return true
  }

  /** A gauge as it is, a counter in a second over the last few seconds, or so many. @param {string} name @param {number} [seconds] @returns {number | null} */
  now(name, seconds = 5) {
    const { latest } = this
    if (!latest) return null
    if (this.#kinds.get(name) !== 'counter') return latest.series[name] ?? null
    const before = this.#samples.find(({ at }) => at >= latest.at - seconds - 0.5)
    return before && before !== latest ? rate(before, latest, name) : null
  }

  /** The columns of these series. @param {string[]} names @returns {Columns} */
  columns(names) {
    const at = this.#samples.map(sample => sample.at)
    const series = Object.fromEntries(
      names.map(name => {
        const isCounter = this.#kinds.get(name) === 'counter'
        const mean = this.#samples.map((sample, i) => {
          const before = this.#samples[i - 1]
          if (before && sample.at - before.at > GAP_SECONDS) return null
          if (!isCounter) return sample.series[name] ?? null
          // Before the first there is none: it goes on as the second.
          const next = this.#samples[1]
          return before ? rate(before, sample, name) : next ? rate(sample, next, name) : null
        })
        return [name, { mean, min: mean, max: mean }]
      })
    )
    return { step: 1, at, series }
  }
}

/** Null where it is not known, also when the counter began anew. @param {Sample} before @param {Sample} after @param {string} name */
function rate(before, after, name) {
  const [from, to, seconds] = [before.series[name], after.series[name], after.at - before.at]
  if (from === null || from === undefined || to === null || to === undefined || seconds <= 0 || to < from) return null
  return (to - from) / seconds
}

/** What the history knew before the first live sample, and then the live ones. @param {Columns | null} before @param {Columns} live @returns {Columns} */
export function joined(before, live) {
  const first = live.at[0] ?? Infinity
  const last = live.at.at(-1) ?? Infinity
  if (!before) return live
  const kept = before.at.flatMap((at, i) => ((at < first && at >= last - 300) || first === Infinity ? [i] : []))
  const pick = (/** @type {Array<number | null> | undefined} */ values) => kept.map(i => values?.[i] ?? null)
  const series = Object.fromEntries(
    Object.entries(live.series).map(([name, column]) => {
      const old = before.series[name]?.mean
      const mean = [...pick(old), ...column.mean]
      return [name, { mean, min: mean, max: mean }]
    })
  )
  return { step: 1, at: [...kept.map(i => /** @type {number} */ (before.at[i])), ...live.at], series }
}

/** What is said of a line in words. @param {Column | undefined} column */
export function summary(column) {
  const known = (/** @type {Array<number | null>} */ values) => values.filter(value => value !== null)
  const [means, lows, highs] = [known(column?.mean ?? []), known(column?.min ?? []), known(column?.max ?? [])]
  if (!column || means.length === 0) return null
  return {
    latest: column.mean.at(-1) ?? null,
    mean: means.reduce((sum, value) => sum + value, 0) / means.length,
    min: lows.reduce((a, b) => Math.min(a, b), Infinity),
    max: highs.reduce((a, b) => Math.max(a, b), -Infinity)
  }
}

/** Every so many rows, so that at most `max` remain; the last is among them. @param {number} length @param {number} max */
export function thinned(length, max) {
  const every = Math.max(1, Math.ceil(length / max))
  const rows = []
  for (let i = length - 1; i >= 0; i -= every) rows.push(i)
  return rows.reverse()
}
