// What a page says to the tracker and hears from it, so that a test which waits in vain can say whether the tracker introduced
// anybody: the offers and answers that were sent, and those that came.

/** @typedef {{ at: number, sent: boolean, kind: string, offers: string[] }} Entry */

const ENTRIES_SHOWN = 60

/** What a message is, and of which offers. @param {string} text @returns {{ kind: string, offers: string[] }} */
function read (text) {
  const message = JSON.parse(text)
  if (message['failure reason']) return { kind: `failure "${message['failure reason']}"`, offers: [] }
  if (message.answer) return { kind: 'answer', offers: [message.offer_id] }
  if (message.offer) return { kind: 'offer', offers: [message.offer_id] }
  if (message.offers) return { kind: 'announce', offers: message.offers.map(offer => offer.offer_id) }
  return { kind: 'complete' in message ? `reply (${message.complete} + ${message.incomplete} peers, interval ${message.interval})` : 'announce', offers: [] }
}

/** Notes what this page and its trackers say from now on. @param {import('playwright-core').Page} page */
export function record (page) {
  /** @type {Entry[]} */
  const entries = []
  const begun = performance.now()
  const note = (sent, { payload }) => entries.push({ at: performance.now() - begun, sent, ...read(String(payload)) })
  page.on('websocket', socket => {
    entries.push({ at: performance.now() - begun, sent: true, kind: 'opens a WebSocket', offers: [] })
    socket.on('framesent', frame => note(true, frame))
    socket.on('framereceived', frame => note(false, frame))
    socket.on('close', () => entries.push({ at: performance.now() - begun, sent: false, kind: 'WebSocket closed', offers: [] }))
  })
  const count = (sent, kind) => entries.filter(entry => entry.sent === sent && entry.kind === kind).length
  return {
    announces: () => entries.filter(entry => entry.sent && entry.offers.length && entry.kind === 'announce').length,
    /** Totals, and the course of it. */
    summary () {
      const totals = `${count(true, 'announce')} announces, ${count(false, 'offer')} offers heard, ${count(true, 'answer')} answers sent, ${count(false, 'answer')} answers heard`
      const line = ({ at, sent, kind, offers }) => `  ${(at / 1000).toFixed(1)} s ${sent ? '→' : '←'} ${kind} ${offers.map(id => id.slice(0, 6)).join(' ')}`
      return [totals, ...entries.slice(-ENTRIES_SHOWN).map(line)].join('\n')
    }
  }
}
