// @ts-check
// What two sides of the check say over their data channel: the states of their steps, and 1 MB from the side that offered.

import { STATE_TEXTS, STEP_IDS, since } from './outcomes.js'

/** @typedef {import('./outcomes.js').StepId} StepId */
/** @typedef {import('./outcomes.js').StepState} StepState */
/** @typedef {Partial<Record<StepId, StepState>>} States */
/** @typedef {{ megabyteMs: number, states: States }} Exchanged */

export const BYTES = 1_000_000
const CHUNK_BYTES = 16_000
/** The channel never queues more. */
const QUEUED_BYTES_MAX = 256_000
const TEXT_CHARS_MAX = 1_000
/** 1 MB takes this long at 0.3 Mbit/s. */
export const EXCHANGE_MS_MAX = 30_000

/**
 * @param {RTCDataChannel} channel open @param {boolean} isSender @param {States} states of the own steps @param {AbortSignal} signal
 * @returns {Promise<Exchanged>}
 * @throws {Error} if the channel closes first, or after 30 s
 */
export function exchange(channel, isSender, states, signal) {
  return new Promise((resolve, reject) => {
    const fail = (/** @type {Error} */ error) => {
      clearTimeout(timer)
      reject(error)
    }
    const timer = setTimeout(
      () => fail(new Error(`1 MB takes longer than ${EXCHANGE_MS_MAX / 1000} s`)),
      EXCHANGE_MS_MAX
    )
    signal.addEventListener('abort', () => fail(signal.reason))
    channel.addEventListener('close', () => fail(new Error('the connection ended')))
    let received = 0
    let start = 0
    /** @type {number | null} */
    let megabyteMs = null
    /** @type {States | null} */
    let theirs = null
    const finish = () => {
      if (megabyteMs === null || theirs === null) return
      clearTimeout(timer)
      resolve({ megabyteMs, states: theirs })
    }
    channel.binaryType = 'arraybuffer'
    channel.addEventListener('message', ({ data }) => {
      if (typeof data === 'string') {
        const text = parseText(data)
        if (text.states) theirs = text.states
        if (isSender && text.megabyteMs) megabyteMs = text.megabyteMs
      } else if (!isSender && megabyteMs === null) {
        start ||= performance.now()
        received += data.byteLength
        if (received >= BYTES) {
          megabyteMs = since(start)
          channel.send(JSON.stringify({ megabyteMs }))
        }
      }
      finish()
    })
    channel.send(JSON.stringify({ states }))
    if (isSender) send(channel)
  })
}

/** Sends 1 MB, only as fast as the channel takes it. @param {RTCDataChannel} channel */
function send(channel) {
  let left = BYTES
  channel.bufferedAmountLowThreshold = QUEUED_BYTES_MAX / 2
  const fill = () => {
    while (left > 0 && channel.readyState === 'open' && channel.bufferedAmount < QUEUED_BYTES_MAX) {
      const bytes = Math.min(left, CHUNK_BYTES)
      channel.send(new Uint8Array(bytes))
      left -= bytes
    }
  }
  channel.addEventListener('bufferedamountlow', fill)
  fill()
}

/** Reads a text of the other side; anything unknown is left out. @param {string} text @returns {{ states?: States, megabyteMs?: number }} */
export function parseText(text) {
  if (text.length > TEXT_CHARS_MAX) return {}
  try {
    const { states, megabyteMs } = JSON.parse(text)
    const isTime = Number.isFinite(megabyteMs) && megabyteMs > 0
    return {
      ...(states && typeof states === 'object' ? { states: knownStates(states) } : {}),
      ...(isTime ? { megabyteMs: Math.round(megabyteMs) } : {})
    }
  } catch {
    return {}
  }
}

/** @param {Record<string, unknown>} states @returns {States} */
const knownStates = states =>
  Object.fromEntries(STEP_IDS.filter(id => Object.hasOwn(STATE_TEXTS, String(states[id]))).map(id => [id, states[id]]))
