// @ts-check
// Formats rows as comma-separated values (RFC 4180). It uses no DOM.

/** A spreadsheet evaluates such a text as a formula, and peers choose some of the texts. */
const FORMULA = /^[=+\-@\t\r]/

/** @param {unknown} value */
function field(value) {
  if (value === null || value === undefined) return ''
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : ''
  const text = FORMULA.test(String(value)) ? `'${value}` : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** @param {string[]} head @param {unknown[][]} rows */
export const csvOf = (head, rows) => [head, ...rows].map(row => `${row.map(field).join(',')}\r\n`).join('')

/** Formats the columns of a chart. @param {import('./columns.js').Columns} columns @param {string[]} names */
export function csvOfColumns({ at, series }, names) {
  const available = names.filter(name => series[name])
  const head = ['time', 'unix_seconds', ...available.flatMap(name => [`${name}_mean`, `${name}_min`, `${name}_max`])]
  const rows = at.map((moment, i) => [
    new Date(moment * 1000).toISOString(),
    moment,
    ...available.flatMap(name => [series[name]?.mean[i], series[name]?.min[i], series[name]?.max[i]])
  ])
  return csvOf(head, rows)
}
