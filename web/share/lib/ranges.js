// @ts-check
// The Range header of RFC 9110, as far as a media element uses it: one range of bytes. Knows no DOM; used
// by the stream server.

/**
 * @typedef {{ start: number, end: number }} Range both ends included
 * @param {string | null | undefined} header
 * @param {number} length
 * @returns {Range | 'whole' | 'unsatisfiable'} a header that is no single range of bytes counts as absent
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
