// Records the messages between a page and the tracker, so that a test that times out can report whether the tracker
// introduced peers: offers and answers, sent and received.

/** @typedef {{ at: number, sent: boolean, kind: string, offers: string[] }} Entry */

const ENTRIES_SHOWN = 60

/** Returns the kind of a message and its offer ids. @param {string} text @returns {{ kind: string, offers: string[] }} */
function read (text) {
  const message = JSON.parse(text)
  if (message['failure reason']) return { kind: `failure "${message['failure reason']}"`, offers: [] }
  if (message.answer) return { kind: 'answer', offers: [message.offer_id] }
  if (message.offer) return { kind: 'offer', offers: [message.offer_id] }
  if (message.offers) return { kind: 'announce', offers: message.offers.map(offer => offer.offer_id) }
  return { kind: 'complete' in message ? `reply (${message.complete} + ${message.incomplete} peers, interval ${message.interval})` : 'announce', offers: [] }
}

/** Records the messages between this page and its trackers from now on. @param {import('playwright-core').Page} page */
export function record (page) {
  /** @type {Entry[]} */
  const entries = []
  const start = performance.now()
  const addEntry = (sent, { payload }) => entries.push({ at: performance.now() - start, sent, ...read(String(payload)) })
  page.on('websocket', socket => {
    entries.push({ at: performance.now() - start, sent: true, kind: 'opens a WebSocket', offers: [] })
    socket.on('framesent', frame => addEntry(true, frame))
    socket.on('framereceived', frame => addEntry(false, frame))
    socket.on('close', () => entries.push({ at: performance.now() - start, sent: false, kind: 'WebSocket closed', offers: [] }))
  })
  const count = (sent, kind) => entries.filter(entry => entry.sent === sent && entry.kind === kind).length
  return {
    announces: () => entries.filter(entry => entry.sent && entry.offers.length && entry.kind === 'announce').length,
    /** Returns totals and the last entries. */
    summary () {
      const totals = `${count(true, 'announce')} announces, ${count(false, 'offer')} offers received, ${count(true, 'answer')} answers sent, ${count(false, 'answer')} answers received`
      const line = ({ at, sent, kind, offers }) => `  ${(at / 1000).toFixed(1)} s ${sent ? '→' : '←'} ${kind} ${offers.map(id => id.slice(0, 6)).join(' ')}`
      return [totals, ...entries.slice(-ENTRIES_SHOWN).map(line)].join('\n')
    }
  }
}
