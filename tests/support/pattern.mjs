// Test data for transfers. It has no imports, so that pages can load it too and generate the same bytes as Node.

/**
 * Returns `length` incompressible bytes that depend only on `seed`.
 * @param {number} length @param {number} [seed]
 */
export function pattern (length, seed = 1) {
  const bytes = new Uint8Array(length)
  let x = (seed * 2654435761) >>> 0 || 1
  for (let i = 0; i < length; i++) {
    x ^= x << 13; x >>>= 0
    x ^= x >>> 17
    x ^= x << 5; x >>>= 0
    bytes[i] = x & 255
  }
  return bytes
}
