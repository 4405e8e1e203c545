// @ts-check
// Parses the Range header of RFC 9110 with a single range of bytes, which media elements send. It uses no DOM. The stream
// server uses it.

/**
 * @typedef {{ start: number, end: number }} Range inclusive
 * @param {string | null | undefined} header
 * @param {number} length
 * @returns {Range | 'whole' | 'unsatisfiable'} other headers count as absent
 */
export function parseRange(header, length) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '')
  if (!match || (match[1] === '' && match[2] === '')) return 'whole'
  const [, from, to] = match
  if (from === '') {
    const last = Number(to)
    return last === 0 || length === 0 ? 'unsatisfiable' : { start: Math.max(0, length - last), end: length - 1 }
  }
  const start = Number(from)
  const end = to === '' ? length - 1 : Math.min(Number(to), length - 1)
  if (start >= length) return 'unsatisfiable'
  return end < start ? 'whole' : { start, end }
}
