// @ts-check
// Pads lengths, so that they reveal little about the content. It uses no DOM.

/**
 * Rounds a length up by the rule Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication
 * with PURBs", PETS 2019): the longer its binary form, the more of its last digits become zeros. It adds at most
 * 12 %, from 64 KiB on 3 %, from 4 GiB on 1.6 %.
 * @param {number} length a safe integer
 */
export function padme(length) {
  if (length < 2) return length
  const exponent = floorLog2(length)
  const step = 2 ** (exponent - (floorLog2(exponent) + 1))
  return step <= 1 ? length : Math.ceil(length / step) * step
}

/** Math.log2 is inexact near powers of two. @param {number} value at least 1 */
function floorLog2(value) {
  let exponent = Math.floor(Math.log2(value))
  if (2 ** exponent > value) exponent--
  if (2 ** (exponent + 1) <= value) exponent++
  return exponent
}
