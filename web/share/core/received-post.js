// @ts-check
// Takes what the system's share sheet posted to the installed page. The service worker (sw.js) keeps it until the page has
// opened, under an id in the address of the page. The sharing page uses it.

import { inTime } from '../lib/in-time.js'

/** @typedef {{ files: File[], texts: string[] }} Post `texts`: title, text and address, as far as the sending app gave them */

const NAME = 'received'
/** The id if the post could not be read, or reached the server, which reads none. */
const NOTHING = 'none'
const ANSWER_MS = 15_000

/** Returns the id of what was posted, and removes it from the address: a reload has nothing to take. Null: nothing was. */
export function takeId() {
  const url = new URL(location.href)
  const id = url.searchParams.get(NAME)
  if (id === null) return null
  url.searchParams.delete(NAME)
  history.replaceState(history.state, '', url)
  return id
}

/**
 * Takes what was posted from the service worker, which then forgets it.
 * @param {string} id @returns {Promise<Post>} @throws {Error} named LostPostError if there is nothing, or it was too late
 */
export async function takePost(id) {
  const asked = id === NOTHING ? Promise.resolve(null) : ask(id)
  const post = await inTime(asked, ANSWER_MS, 'the service worker does not answer').catch(() => null)
  if (post && (post.files.length || post.texts.length)) return post
  throw Object.assign(new Error('nothing arrived'), { name: 'LostPostError' })
}

/** @param {string} id @returns {Promise<Post | null>} */
async function ask(id) {
  const { active } = await navigator.serviceWorker.ready
  const { port1, port2 } = new MessageChannel()
  const answer = new Promise(resolve => {
    port1.onmessage = ({ data }) => resolve(data)
  })
  active?.postMessage({ type: 'take', id }, [port2])
  return answer.finally(() => port1.close())
}
