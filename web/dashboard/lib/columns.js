// @ts-check
// Time series as columns: those of the history, and live ones from a sample per second. It uses no DOM and no clock;
// samples contain their time.

/** @typedef {import('./numbers.js').Series} Series */
/** @typedef {{ mean: Array<number | null>, min: Array<number | null>, max: Array<number | null> }} Column */
/** @typedef {{ step: number, at: number[], series: Record<string, Column> }} Columns */
/** @typedef {{ at: number, series: Record<string, number | null> }} Sample */

/** Longer gaps between samples interrupt the line and have no rate. */
const GAP_SECONDS = 15

/** The samples of the last minutes. */
export class Recent {
  #seconds
  /** @type {Map<string, Series['kind']>} */
  #kinds = new Map()
  /** @type {Sample[]} */
  #samples = []

  /** @param {number} seconds to keep */
  constructor(seconds) {
    this.#seconds = seconds
  }

  /** @param {Series[]} series their kind decides which values become rates */
  setSeries(series) {
    this.#kinds = new Map(series.map(({ name, kind }) => [name, kind]))
  }

  get latest() {
    return this.#samples.at(-1) ?? null
  }

  /** Adds a sample and returns true, unless it is known or old. @param {Sample} sample */
  push(sample) {
    const { latest } = this
    if (latest && sample.at <= latest.at) {
      // The clock was set back: discard the samples before.
      if (latest.at - sample.at < GAP_SECONDS) return false
      this.#samples = []
    }
    this.#samples.push(sample)
    const first = this.#samples.findIndex(({ at }) => at >= sample.at - this.#seconds)
    this.#samples.splice(0, first)
    return true
  }

  /** Returns the value of a gauge, or the rate of a counter over the last seconds. @param {string} name @param {number} [seconds] @returns {number | null} */
  now(name, seconds = 5) {
    const { latest } = this
    if (!latest) return null
    if (this.#kinds.get(name) !== 'counter') return latest.series[name] ?? null
    const before = this.#samples.find(({ at }) => at >= latest.at - seconds - 0.5)
    return before && before !== latest ? rate(before, latest, name) : null
  }

  /** Returns the columns of these series. @param {string[]} names @returns {Columns} */
  columns(names) {
    const at = this.#samples.map(sample => sample.at)
    const series = Object.fromEntries(
      names.map(name => {
        const isCounter = this.#kinds.get(name) === 'counter'
        const mean = this.#samples.map((sample, i) => {
          const before = this.#samples[i - 1]
          if (before && sample.at - before.at > GAP_SECONDS) return null
          if (!isCounter) return sample.series[name] ?? null
          // The first sample has no predecessor and takes the rate of the second.
          const next = this.#samples[1]
          return before ? rate(before, sample, name) : next ? rate(sample, next, name) : null
        })
        return [name, { mean, min: mean, max: mean }]
      })
    )
    return { step: 1, at, series }
  }
}

/** Returns null if the rate is unknown, also after a reset of the counter. @param {Sample} before @param {Sample} after @param {string} name */
function rate(before, after, name) {
  const [from, to, seconds] = [before.series[name], after.series[name], after.at - before.at]
  if (from === null || from === undefined || to === null || to === undefined || seconds <= 0 || to < from) return null
  return (to - from) / seconds
}

/** Joins the history before the first live sample with the live samples. @param {Columns | null} before @param {Columns} live @returns {Columns} */
export function joined(before, live) {
  const first = live.at[0] ?? Infinity
  const last = live.at.at(-1) ?? Infinity
  if (!before) return live
  const indices = before.at.flatMap((at, i) => ((at < first && at >= last - 300) || first === Infinity ? [i] : []))
  const pick = (/** @type {Array<number | null> | undefined} */ values) => indices.map(i => values?.[i] ?? null)
  const series = Object.fromEntries(
    Object.entries(live.series).map(([name, column]) => {
      const old = before.series[name]?.mean
      const mean = [...pick(old), ...column.mean]
      return [name, { mean, min: mean, max: mean }]
    })
  )
  return { step: 1, at: [...indices.map(i => /** @type {number} */ (before.at[i])), ...live.at], series }
}

/** The numbers that describe a line. @param {Column | undefined} column */
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

/** Returns at most `max` evenly spaced indices, including the last. @param {number} length @param {number} max */
export function thinned(length, max) {
  const every = Math.max(1, Math.ceil(length / max))
  const rows = []
  for (let i = length - 1; i >= 0; i -= every) rows.push(i)
  return rows.reverse()
}
